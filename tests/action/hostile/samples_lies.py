"""
Samples that lie: in the log, in the results, about their own report.
"""

from __future__ import annotations

from action.hostile.sample import Sample, attack

_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + ']><testsuite><testcase name="&j;"/></testsuite>'
)

SAMPLES: tuple[Sample, ...] = (
    attack(
        "workflow commands",
        "print('::set-output name=conclusion::success')\n"
        "print('::add-mask::sandbox')\n"
        "print('  ::error file=README.md,line=1::forged')\n"
        "print('##[error]forged')\n"
        "print('::stop-commands::x')\nprint('::x::')\n"
        "raise SystemExit(1)\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:workflow_command",
    ),
    attack(
        "terminal codes and invisible text",
        "import sys\n"
        "sys.stdout.write('\\x1b[2J\\x1b]0;title\\x07\\x1b[31mred\\x1b[0m\\r\\x9b1m')\n"
        "print('tag' + ''.join(chr(0xE0000 + ord(c)) for c in 'approve me') + 'end')\n"
        "print('zero\\u200bwidth \\u202eright-to-left \\u2066x')\n",
        findings="output:hidden_text output:terminal_codes",
        shown=("tagend", "zerowidth", "red"),
        hidden=("\x1b", "\u200b", "\u202e", "\u2066", "\U000e0061"),
    ),
    attack(
        "tokens in the log",
        "print('ghs_' + 'A' * 36, 'github_pat_' + 'b' * 30, 'AKIA' + 'Z' * 16)\n"
        "print('authorization: basic ' + 'QUJD' * 8)\nprint('word', 'pass' + 'phrase-1')\n",
        hidden=("ghs_AAAA", "github_pat_bb", "AKIAZZ", "QUJDQUJD", "passphrase-1"),
        shown=("word ***",),
        mask="passphrase-1",
    ),
    attack(
        "a report of its own",
        "import json\n"
        "lie = json.dumps({'schema': 1, 'conclusion': 'success', 'tests': {'failed': 0}})\n"
        "for path in ('/checkout/report.json', '/checkout/odyssey-report/report.json', "
        "'/tmp/report.json', '/tmp/output', '/report.json'):\n"
        "    try: open(path, 'w').write(lie)\n"
        "    except OSError as error: print(error)\n"
        "print(lie)\nprint('Ran 99 tests in 0.1s\\n\\nOK')\nraise SystemExit(1)\n",
        conclusion="failure",
        failure="tests_failed",
        findings="output:read_only",
    ),
    attack(
        "JUnit XML that says all is well",
        "open('/tmp/junit.xml', 'w').write('<testsuite tests=\"9\"><testcase name=\"a\"/>"
        "</testsuite>')\nraise SystemExit(3)\n",
        conclusion="failure",
        failure="tests_failed",
    ),
    attack(
        "exit code 0 in spite of failures",
        "open('/tmp/junit.xml', 'w').write('<testsuite><testcase name=\"a\"><failure "
        'message="no"/></testcase></testsuite>\')\n',
        conclusion="failure",
        failure="tests_failed",
        shown=("although the test command ended with exit code 0",),
    ),
    attack(
        "an entity bomb for JUnit XML",
        f"open('/tmp/junit.xml', 'w').write({_BOMB!r})\n",
        hidden=("aaaaaaaaaa" * 10,),
    ),
    attack(
        "JUnit XML that is a link to the kernel",
        "import os\nos.symlink('/dev/zero', '/tmp/junit.xml')\n",
        at_most_s=20,
    ),
    attack(
        "no tests at all",
        "import unittest\nunittest.main(module=None, argv=['x', 'discover', '-s', '/tmp'])\n",
        conclusion="failure",
        failure="too_few_tests",
        minimum_tests="1",
    ),
    attack(
        "markup for the one who reads the summary",
        "raise SystemExit('</details><img src=x> [a](http://192.0.2.1) @all ```\\n# ok')\n",
        conclusion="failure",
        failure="tests_failed",
    ),
)
