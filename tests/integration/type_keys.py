"""Types keys into a program on a terminal: type_keys.py PROGRAM [ARGS...] < STEPS

STEPS is a JSON list of pairs: the text to wait for, and the keys to type then. The program has to
end after the last one. Prints what it wrote.
"""

import json
import os
import pty
import select
import sys

LIMIT = 120  # seconds without any output

steps = json.load(sys.stdin)
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])

seen = b""
start = 0
while True:
    if not select.select([terminal], [], [], LIMIT)[0]:
        sys.exit(f"nothing happened; so far: {seen!r}; next: {steps[:1]}")
    try:
        data = os.read(terminal, 65536)
    except OSError:  # the program has closed its end
        data = b""
    if not data:
        break
    seen += data
    while steps and (at := seen.find(steps[0][0].encode(), start)) >= 0:
        start = at + len(steps[0][0].encode())
        os.write(terminal, steps.pop(0)[1].encode())

_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(seen)
sys.exit(1 if steps else os.waitstatus_to_exitcode(status))
