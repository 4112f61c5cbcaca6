"""A sender as a process of its own: `python one_worker.py CAMPAIGN` sends until it is over."""

import sys
import time

from mailer import installation
from mailer.config import from_environment
from mailer.sending import jobs


def main() -> None:
    installation.install(from_environment())
    print("ready", flush=True)
    while True:
        jobs.send(int(sys.argv[1]))
        time.sleep(0.05)


if __name__ == "__main__":
    main()
