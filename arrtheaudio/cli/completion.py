"""``arrtheaudio completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash  eval "$(arrtheaudio completion bash)"           in ~/.bashrc
    zsh   eval "$(arrtheaudio completion zsh)"            in ~/.zshrc
    fish  arrtheaudio completion fish > ~/.config/fish/completions/arrtheaudio.fish
    """
    from click.shell_completion import get_completion_class

    from arrtheaudio.cli.root import COMPLETION_VARIABLE, PROGRAM, root

    found = get_completion_class(shell)
    assert found is not None, "click knows these three shells"
    script = found(root, {}, PROGRAM, COMPLETION_VARIABLE)
    click.echo(script.source())
