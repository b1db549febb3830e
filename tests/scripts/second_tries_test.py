#!/usr/bin/env python3
"""What scripts/second_tries.py finds in a log of ctest, and in one that the real ctest writes here."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
from second_tries import second_tries  # noqa: E402

# Two at a time, with the output of failing tests between the lines, as --output-on-failure shows it.
SAMPLE = """
Test project /build
      Start  1: good
      Start  2: flaky
 1/12 Test  #1: good .............................   Passed    0.00 sec
      Start 10: bad
 2/12 Test  #2: flaky ............................***Failed    0.01 sec
Start 1: a line of the test's own, and 1/2 Test #1: another
    Start 1: good
broken bytes \udcff \x00

      Start  2: flaky
 2/12 Test #10: bad ..............................***Failed    0.01 sec

      Start 10: bad
      Test  #2: flaky ............................   Passed    0.00 sec
      Start  3: slow
      Start  4: a_name_that_is_longer_than_the_column_of_dots
      Test #10: bad ..............................***Failed    0.00 sec
 4/12 Test  #3: slow .............................***Timeout   1.01 sec
      Start  3: slow
 5/12 Test  #5: absent ...........................***Skipped   0.00 sec
 6/12 Test  #4: a_name_that_is_longer_than_the_column_of_dots ...***Exception: SegFault  0.01 sec
      Start  4: a_name_that_is_longer_than_the_column_of_dots
      Test  #4: a_name_that_is_longer_than_the_column_of_dots ...   Passed    0.01 sec
      Test  #3: slow .............................   Passed    0.00 sec

86% tests passed, 1 tests failed out of 12
The following tests FAILED:
\t 10 - bad (Failed)
"""
FLAKY = '[ -e seen.{0} ] || {{ touch seen.{0}; {1}; }}'
TESTS = {"good": "true", "bad": "false", "flaky": FLAKY.format("a", "false"),
         "crash": FLAKY.format("b", "kill -SEGV $$")}

failed = []


def expect(name, found, wanted):
    if found != wanted:
        print(f"FAILED: {name}: {found}, wanted {wanted}")
        failed.append(name)


expect("a sample log", second_tries(SAMPLE),
       ["flaky", "bad", "slow", "a_name_that_is_longer_than_the_column_of_dots"])
expect("an empty log", second_tries(""), [])
for end in range(len(SAMPLE)):
    second_tries(SAMPLE[:end])  # A log cut anywhere is read.

if shutil.which("ctest") is None:
    sys.exit("FAILED: no ctest here")
with tempfile.TemporaryDirectory() as folder:
    listing = "".join(f'add_test({name} "/bin/bash" "-c" [==[{script}]==])\n' for name, script in TESTS.items())
    (pathlib.Path(folder) / "CTestTestfile.cmake").write_text(listing)
    log = pathlib.Path(folder) / "log"
    ctest = ["ctest", "--test-dir", folder, "--output-on-failure", "-j2", "--repeat", "until-pass:2"]
    log.write_text(subprocess.run(ctest, capture_output=True, text=True).stdout)
    shown = subprocess.run([SCRIPTS / "second_tries.py", log], capture_output=True, text=True).stdout
    expect("the real ctest's log: " + shown, sorted(shown.removeprefix("needed a second try: ").split()),
           ["bad", "crash", "flaky"])
    log.write_bytes(b"\xff\xfe no log\n")
    shown = subprocess.run([SCRIPTS / "second_tries.py", log], capture_output=True, text=True).stdout
    expect("a log without any", shown, "needed a second try: none\n")
sys.exit(1 if failed else 0)
