package dev.graft.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/// Command lines of Graft as they stand in texts: `graft …` at the start of a line, perhaps behind `$` or
/// `./`, going on behind a `\` at its end.
final class CommandLines {
    private static final List<String> ENDS = List.of("|", ">", "<", "#", "&&", "2>", ";");

    private CommandLines() {}

    /// Every command and sub-command.
    static Stream<CommandLine> all() {
        return below(Main.commandLine());
    }

    private static Stream<CommandLine> below(CommandLine command) {
        return Stream.concat(
                Stream.of(command), command.getSubcommands().values().stream().flatMap(CommandLines::below));
    }

    /// The commands in a text, each as its arguments.
    static List<List<String>> in(String text) {
        List<List<String>> found = new ArrayList<>();
        for (String line : text.replaceAll("\\\\\n\\s*", " ").split("\n")) {
            String command = line.strip().replaceFirst("^\\$ ", "");
            if (command.matches("(\\./)?graft .*")) {
                List<String> words = words(command);
                found.add(words.subList(1, words.size()));
            }
        }
        return found;
    }

    /// Checks names and values of options and that nothing is missing; reads no file.
    static CommandSpec parsed(List<String> arguments) {
        var result = Main.commandLine().parseArgs(arguments.toArray(String[]::new));
        while (result.hasSubcommand()) {
            result = result.subcommand();
        }
        return result.commandSpec();
    }

    /// What a shell would make of it, up to a pipe, redirection or comment.
    private static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        var word = new StringBuilder();
        char quote = 0;
        boolean inWord = false;
        for (char c : (line + " ").toCharArray()) {
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
            } else if (c == '"' || c == '\'') {
                quote = c;
                inWord = true;
            } else if (!Character.isWhitespace(c)) {
                word.append(c);
                inWord = true;
            } else if (inWord) {
                if (ENDS.contains(word.toString())) {
                    return words;
                }
                words.add(word.toString());
                word.setLength(0);
                inWord = false;
            }
        }
        return words;
    }
}
