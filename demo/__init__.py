"""`make demo`: the main job on real footage, from two channels' exports to a checked package."""
