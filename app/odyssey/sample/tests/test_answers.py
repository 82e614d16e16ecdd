"""
The answers by themselves.
"""

import unittest

from service.answers import BadRequest, add, greet


class GreetTest(unittest.TestCase):
    def test_a_person_is_greeted_by_name(self) -> None:
        self.assertEqual("Hello, Ada!", greet("Ada"))

    def test_spaces_around_the_name_do_not_count(self) -> None:
        self.assertEqual("Hello, Ada!", greet("  Ada "))

    def test_an_empty_name_is_refused(self) -> None:
        with self.assertRaises(BadRequest):
            greet(" ")


class AddTest(unittest.TestCase):
    def test_numbers_are_added(self) -> None:
        self.assertEqual(6.5, add("1,2,3.5"))

    def test_small_and_large_numbers_lose_nothing(self) -> None:
        self.assertEqual(0.1, add("1e16,0.1,-1e16"))

    def test_what_is_no_number_is_refused(self) -> None:
        for text in ("", "1,,2", "one", "inf", "nan"):
            with self.subTest(text), self.assertRaises(BadRequest):
                add(text)
