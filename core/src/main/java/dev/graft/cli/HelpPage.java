package dev.graft.cli;

import java.lang.reflect.Member;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ScopeType;

/// What `--help` prints: usage in one line, options in their [HelpGroup]s and in the order they are declared,
/// examples as they are typed.
///
/// picocli's own page sorts options by the alphabet and breaks words at dots (`report.` `json`).
final class HelpPage {
    private static final String SECTION = "page";
    private static final String OPTIONS = "Options";
    private static final String EVERYWHERE = "Everywhere";
    private static final int WIDEST_NAME = 26;
    private static final char FIXED_SPACE = '\u00A0';
    private static final Pattern MARKUP = Pattern.compile("@\\|\\S+?[ \u00A0](.*?)\\|@");
    private static final Pattern TWO_COLUMNS = Pattern.compile("( +(?:\\S+ )*\\S+ {2,})(\\S.*)");

    private final Help help;
    private final CommandSpec spec;
    private final int width;
    private final List<String> blocks = new ArrayList<>();

    private HelpPage(Help help) {
        this.help = help;
        this.spec = help.commandSpec();
        this.width = spec.usageMessage().width();
    }

    /// Makes this the page of all commands that are there now.
    static void install(CommandLine commands) {
        commands.setHelpSectionKeys(List.of(SECTION));
        commands.setHelpSectionMap(Map.of(SECTION, help -> new HelpPage(help).text()));
    }

    private String text() {
        var usage = spec.usageMessage();
        prose(usage.header());
        blocks.add(folded("Usage: " + synopsis(spec), "       "));
        prose(usage.description());
        table();
        String heading = String.format(usage.footerHeading()).strip();
        List<String> footer = lines(usage.footer());
        if (!footer.isEmpty()) {
            blocks.add((heading.isEmpty() ? "" : heading + "\n") + String.join("\n", footer));
        }
        return help.ansi().string(String.join("\n\n", blocks)) + "\n";
    }

    private void prose(String... texts) {
        String block =
                lines(texts).stream().map(line -> folded(line, hanging(line))).collect(Collectors.joining("\n"));
        if (!block.isBlank()) {
            blocks.add(block.strip());
        }
    }

    private static List<String> lines(String... texts) {
        return Arrays.stream(texts)
                .flatMap(text -> String.format(text).lines())
                .collect(Collectors.collectingAndThen(
                        Collectors.joining("\n"),
                        all -> all.strip().isEmpty()
                                ? List.of()
                                : all.replaceAll("^\n+", "").lines().toList()));
    }

    /// `graft eval MODEL --data FILE [OPTIONS]`: what must be given by name, the rest as one word.
    static String synopsis(CommandSpec spec) {
        Stream<String> positional = spec.positionalParameters().stream().map(HelpPage::shown);
        Stream<String> required = spec.options().stream()
                .filter(OptionSpec::required)
                .map(option -> option.longestName() + value(option));
        String command = spec.subcommands().isEmpty() ? "" : "COMMAND";
        boolean hasMore = spec.options().stream().anyMatch(option -> !option.required());
        return Stream.of(
                        Stream.of(spec.qualifiedName(), command),
                        positional,
                        required,
                        Stream.of(hasMore ? "[OPTIONS]" : ""))
                .flatMap(words -> words)
                .filter(word -> !word.isEmpty())
                .collect(Collectors.joining(" "));
    }

    private void table() {
        Map<String, Map<String, List<String>>> groups = new LinkedHashMap<>(); // the command's own options first
        spec.positionalParameters().forEach(parameter -> add(groups, "", shown(parameter), parameter.description()));
        List<OptionSpec> own =
                spec.options().stream().filter(option -> !isEverywhere(option)).toList();
        Stream.concat(
                        own.stream().filter(option -> group(option).equals(OPTIONS)),
                        own.stream().filter(option -> !group(option).equals(OPTIONS)))
                .forEach(option -> add(groups, group(option), names(option), option.description()));
        String last = groups.keySet().stream().allMatch(String::isEmpty) ? OPTIONS : EVERYWHERE;
        spec.options().stream()
                .filter(HelpPage::isEverywhere)
                .forEach(option -> add(groups, last, names(option), option.description()));
        help.subcommands()
                .forEach((name, command) -> add(
                        groups,
                        "Commands",
                        name,
                        command.commandSpec().usageMessage().header()));
        int column = 2
                + groups.values().stream()
                        .flatMap(rows -> rows.keySet().stream())
                        .mapToInt(String::length)
                        .filter(length -> length <= WIDEST_NAME)
                        .max()
                        .orElse(0);
        groups.forEach((heading, rows) -> blocks.add((heading.isEmpty() ? "" : "@|bold " + heading + "|@\n")
                + rows.entrySet().stream()
                        .map(row -> row(row.getKey(), row.getValue(), column, style(heading, row.getKey())))
                        .collect(Collectors.joining("\n"))));
    }

    private static void add(
            Map<String, Map<String, List<String>>> groups, String heading, String name, String[] texts) {
        groups.computeIfAbsent(heading, _ -> new LinkedHashMap<>()).put(name, lines(texts));
    }

    private UnaryOperator<String> style(String heading, String name) {
        return heading.isEmpty()
                ? text -> "@|yellow " + text + "|@"
                : name.startsWith("-") ? text -> "@|green " + text + "|@" : text -> "@|bold,green " + text + "|@";
    }

    private String row(String name, List<String> description, int column, UnaryOperator<String> style) {
        String indent = " ".repeat(2 + column);
        String start = "  " + style.apply(name);
        start += name.length() + 2 > column ? "\n" + indent : " ".repeat(column - name.length());
        return start
                + description.stream()
                        .map(line -> folded(indent + line, indent).substring(indent.length()))
                        .collect(Collectors.joining("\n" + indent));
    }

    private static boolean isEverywhere(OptionSpec option) {
        return option.usageHelp() || option.versionHelp() || option.scopeType() == ScopeType.INHERIT;
    }

    private static String group(OptionSpec option) {
        return option.userObject() instanceof Member member
                ? Optional.ofNullable(member.getDeclaringClass().getAnnotation(HelpGroup.class))
                        .map(HelpGroup::value)
                        .orElse(OPTIONS)
                : OPTIONS;
    }

    /// `-h, --help`, `--data FILE`, `--allow CHECK[,…]`.
    private static String names(OptionSpec option) {
        String names = Arrays.stream(option.names())
                .sorted((a, b) -> Integer.compare(a.length(), b.length()))
                .collect(Collectors.joining(", "));
        return (option.negatable() ? names.replaceFirst("--", "--[no-]") : names) + value(option);
    }

    private static String value(OptionSpec option) {
        if (option.arity().max() == 0) {
            return "";
        }
        return option.arity().min() == 0 ? "[=" + label(option) + "]" : " " + label(option);
    }

    private static String label(ArgSpec argument) {
        return argument.paramLabel() + (argument.splitRegex().isEmpty() ? "" : "[,…]");
    }

    private static String shown(PositionalParamSpec parameter) {
        String label = parameter.paramLabel() + (parameter.arity().max() > 1 ? "…" : "");
        return parameter.arity().min() == 0 ? "[" + label + "]" : label;
    }

    /// A line cut at spaces so that it fits, its continuations behind `indent`.
    private String folded(String line, String indent) {
        String fixed = MARKUP.matcher(line)
                .replaceAll(found -> Matcher.quoteReplacement(found.group().replace(' ', FIXED_SPACE)));
        StringBuilder all = new StringBuilder();
        StringBuilder now = new StringBuilder();
        int start = fixed.length() - fixed.stripLeading().length();
        now.append(fixed, 0, start);
        boolean first = true;
        for (String word : fixed.substring(start).split("(?<=\\S)(?= )")) { // spaces stay before their word
            if (!first && visible(now + word) > width) {
                all.append(now).append('\n');
                now.setLength(0);
                now.append(indent).append(word.stripLeading());
            } else {
                now.append(word);
            }
            first = false;
        }
        return all.append(now).toString().replace(FIXED_SPACE, ' ');
    }

    private static int visible(String text) {
        return MARKUP.matcher(text).replaceAll("$1").length();
    }

    /// Where a line of a table of two columns (`  loss   mean …`) goes on below itself.
    private String hanging(String line) {
        Matcher table = TWO_COLUMNS.matcher(line);
        return table.matches() && table.end(1) < width / 2 ? " ".repeat(table.end(1)) : "";
    }
}
