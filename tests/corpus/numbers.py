"""Which cases stand for which attack of the list that the checkers were built against.

R is refused, G reported as a gap or a limit, P prevented where packages are made: there the test
that shows it is named.
"""

from __future__ import annotations

REFUSED: dict[str, tuple[str, ...]] = {
    "1": ("one_byte_of_an_original", "zip_one_byte", "one_byte_of_an_entry"),
    "2": ("objects_swapped",),
    "3": ("half_a_file",),
    "4": ("appended_to_an_original",),
    "5": ("removed_with_its_line",),
    "6": ("extra_object", "zip_case_twin"),
    "7": ("one_byte_of_a_readme", "unlisted_tag_file"),
    "8": ("no_tag_manifest",),
    "9": ("all_manifests_again",),
    "10": ("md5_manifest", "md5_only"),
    "11": ("object_misnamed", "derivative_as_an_original"),
    "12": ("zip_slip", "manifest_climbs_out"),
    "13": ("zip_absolute", "manifest_absolute"),
    "14": ("link_out", "linked_folder", "zip_symlink"),
    "15": ("pipe", "zip_device"),
    "16": ("zip_duplicate",),
    "17": ("case_twin", "zip_case_twin"),
    "18": ("unicode_name", "zip_nfc", "zip_nfd"),
    "19": ("bidi_name", "zip_bidi", "zip_zero_width"),
    "20": ("zip_reserved_name", "zip_unc", "zip_drive"),
    "21": ("zip_prefix", "zip_other_prefix", "zip_tail"),
    "22": ("zip_bomb", "zip_deflated"),
    "23": ("line_twice",),
    "24": ("crlf_declaration", "declaration_with_a_space"),
    "25": ("fetch", "zip_fetch"),
    "26": ("zip_dot_dot", "manifest_climbs_out"),
    "27": ("entries_swapped", "genesis_not_first"),
    "28": ("entry_removed",),
    "29": ("entry_beyond_the_head", "entry_inserted"),
    "30": ("seen_a_fork", "forked"),
    "31": ("seen_a_larger_one",),
    "32": ("other_root", "other_size"),
    "33": ("seal_path_short", "seal_path_long", "seal_is_beyond", "seal_path_other"),
    "34": ("seal_of_a_node",),
    "35": ("consistency_from_nothing",),
    "36": ("entry_is_not_the_one_in_its_tile",),
    "37": ("tile_too_short", "tile_not_needed"),
    "38": ("seal_of_another_package", "sealed_elsewhere"),
    "39": ("head_by_a_stranger", "sealed_by_a_stranger"),
    "40": ("key_id_collision",),
    "41": ("signature_replayed", "seen_with_a_wrong_signature"),
    "42": ("right_and_wrong_signature",),
    "43": ("note_base64_not_canonical", "note_control_character"),
    "44": ("revoked_person", "revoked_archive_key", "later_key_on_an_old_entry"),
    "45": ("witness_twice", "witness_under_two_names", "archive_as_its_own_witness"),
    "46": ("another_archive", "keys_that_changed_other"),
    "47b": ("small_order_0", "weak_archive_key", "weak_key_given", "weak_witness_given"),
    "49": ("token_of_an_embedded_root", "token_of_a_root_with_a_trusted_name"),
    "50": ("token_certificate_as_anchor",),
    "51": ("token_use_none", "token_use_stamp_not_critical", "token_use_stamp_and_more"),
    "52": ("token_expired", "token_not_yet_valid", "token_revoked_before", "token_middle_revoked"),
    "54": ("token_for_another_digest", "token_of_another_checkpoint"),
    "55": ("token_imprint_md5", "token_imprint_sha1"),
    "57": ("ots_of_another_block", "header_without_work", "header_off_the_chain"),
    "58": ("stamp_older_than_its_checkpoint", "stamp_over_a_fork"),
    "60": ("entry_twice",),
    "61": ("entry_fraction", "entry_exponent", "entry_large_integer", "entry_surrogate", "field_2"),
    "62": ("other_value", "other_field_name"),
    "63": ("other_salt",),
    "66": ("warc_edited",),
    "67": ("wacz_without_digest",),
    "68": ("wacz_backdated",),
}
#: Attack to the case, and the code that must be reported in it.
REPORTED: dict[str, tuple[tuple[str, str], ...]] = {
    "47": (("c2pa_valid", "findings"),),
    "48": (("clock_set_back", "own_clock"), ("clock_ahead", "clock_ahead")),
    "56": (("ots_pending", "anchor_pending"), ("ots_pending", "unanchored")),
    "59": (("unanchored", "unanchored"), ("token_without_roots", "unanchored")),
    "65": (("transfer_without_receipt", "custody_gap"),),
}
#: Attack to the tests that show how it is prevented: file and function.
PREVENTED: dict[str, tuple[tuple[str, str], ...]] = {
    "53": (("tests/integration/test_anchoring.py", "test_an_answer_to_an_earlier_question"),),
    "64": (("tests/unit/custody/test_vault.py", "test_no_salt_is_ever_used_twice"),),
    "69": (("tests/integration/test_profiles.py", "test_the_checkers_hashes_are_published"),),
}
#: Without an outside input nothing is called fine: attack, case without it, and what is said.
WITHOUT: dict[str, tuple[str, str]] = {
    "30": ("unanchored", "needs_seen_checkpoint"),
    "31": ("unanchored", "needs_seen_checkpoint"),
    "46": ("no_key", "needs_archive_key"),
    "49": ("token_without_roots", "needs_roots"),
    "52": ("token_without_lists", "needs_revocation_lists"),
    "57": ("ots_without_header", "needs_headers"),
    "45": ("cosigned_by_an_unknown_witness", "needs_witness_keys"),
}
