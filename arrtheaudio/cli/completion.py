"""``arrtheaudio completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script; for bash: eval "$(arrtheaudio completion bash)"."""
    from click.shell_completion import get_completion_class

    from arrtheaudio.cli.root import COMPLETION_VARIABLE, PROGRAM, root

    found = get_completion_class(shell)
    assert found is not None, "click knows these three shells"
    script = found(root, {}, PROGRAM, COMPLETION_VARIABLE)
    click.echo(script.source())
