"""``python -m hsizoo`` is ``hsizoo``."""

from hsizoo.cli import main

if __name__ == "__main__":
    main()
