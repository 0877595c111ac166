package dev.graft.cli;

import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// What is wrong with a command line, in one sentence that names what could have been meant.
final class UsageFaults {
    private static final Pattern INVALID = Pattern.compile(
            "(?s)Invalid value for (?:option '([^']+)'|positional parameter at index [\\d.*]+)(?: \\(([^)]*)\\))?: (.*)");

    private UsageFaults() {}

    static String sentence(ParameterException wrong, CommandLine command) {
        return switch (wrong) {
            case UnmatchedArgumentException unmatched -> unmatched(unmatched.getUnmatched(), command);
            case MissingParameterException missing -> missing(missing);
            default -> invalid(wrong.getMessage());
        };
    }

    private static String unmatched(List<String> arguments, CommandLine command) {
        String first = arguments.getFirst();
        if (first.startsWith("-")) {
            String typed = first.replaceFirst("=.*", "");
            String meant = Nearest.of(typed, options(command))
                    .map("; did you mean %s?"::formatted)
                    .orElse("");
            return "there is no option \"%s\"%s".formatted(typed, meant);
        }
        if (command.getSubcommands().isEmpty()) {
            return "\"%s\" is one argument too many; usage: %s"
                    .formatted(first, HelpPage.synopsis(command.getCommandSpec()));
        }
        Collection<String> commands = command.getSubcommands().keySet();
        String meant = Nearest.of(first, commands)
                .map("; did you mean %s? There are"::formatted)
                .orElse("; there are");
        return "there is no command \"%s\"%s %s".formatted(first, meant, String.join(", ", commands));
    }

    private static List<String> options(CommandLine command) {
        return command.getCommandSpec().options().stream()
                .flatMap(option -> Stream.of(option.names()))
                .filter(name -> name.startsWith("--"))
                .toList();
    }

    private static String missing(MissingParameterException wrong) {
        List<ArgSpec> missing = wrong.getMissing();
        if (missing.isEmpty()) {
            return wrong.getMessage();
        }
        if (wrong.getMessage().contains("for option")) {
            return "%s: %s"
                    .formatted(name(missing.getFirst()).replace(" ", " needs a value, "), about(missing.getFirst()));
        }
        return missing.size() == 1
                ? "%s is missing: %s".formatted(name(missing.getFirst()), about(missing.getFirst()))
                : "%s are missing"
                        .formatted(missing.stream().map(UsageFaults::name).collect(Collectors.joining(" and ")));
    }

    private static String name(ArgSpec argument) {
        return argument instanceof OptionSpec option
                ? option.longestName() + " " + option.paramLabel()
                : argument.paramLabel();
    }

    private static String about(ArgSpec argument) {
        String text = String.join(" ", argument.description());
        boolean isWord = text.length() > 1 && Character.isLowerCase(text.charAt(1)); // not YAML
        return isWord ? Character.toLowerCase(text.charAt(0)) + text.substring(1) : text;
    }

    private static String invalid(String message) {
        var said = INVALID.matcher(message);
        if (!said.matches()) {
            return message;
        }
        String reason = said.group(3)
                .replaceFirst("^'([^']*)' is not an? (?:int|long)$", "\"$1\" is not a whole number")
                .replaceFirst("^'([^']*)' is not an? (?:float|double)$", "\"$1\" is not a number");
        return "%s: %s".formatted(said.group(1) == null ? said.group(2) : said.group(1), reason);
    }
}
