package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class HelpPageTest {
    static Stream<List<String>> commands() {
        return CommandLines.all()
                .map(command -> command.getCommandSpec().qualifiedName(" ").split(" "))
                .map(names -> List.of(names).subList(1, names.length))
                .filter(names -> !names.contains("help"));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyLineFitsAndNoNameIsCut(List<String> command) {
        String page = page(command);

        assertThat(page.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
        assertThat(page.lines().map(String::strip))
                .as("names cut at their dots")
                .noneMatch(line -> line.matches("(json|jsonl|html|safetensors|gguf|bin|txt|jinja)\\b.*"));
        assertThat(page).contains("\nUsage: graft").endsWith("\n");
        assertThat(page).doesNotContain("\n\n\n", "%n", "@|", "${");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyOptionSaysWhatItDoes(List<String> command) {
        CommandLine.Model.CommandSpec spec = CommandLines.all()
                .filter(one -> one.getCommandSpec().qualifiedName(" ").equals(String.join(" ", graft(command))))
                .findFirst()
                .orElseThrow()
                .getCommandSpec();

        assertThat(spec.args())
                .allSatisfy(argument -> assertThat(String.join(" ", argument.description()))
                        .hasSizeGreaterThan(10)
                        .endsWith("."));
        String page = page(command);
        spec.options()
                .forEach(option -> assertThat(page.replace("--[no-]", "--")).contains(option.longestName()));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandHasExamplesThatParse(List<String> command) {
        List<List<String>> examples = CommandLines.in(page(command));

        assertThat(examples).isNotEmpty();
        assertThat(examples)
                .allSatisfy(example ->
                        assertThatCode(() -> CommandLines.parsed(example)).doesNotThrowAnyException());
    }

    @Test
    void usageNamesWhatMustBeGiven() {
        assertThat(page(List.of("eval"))).contains("\nUsage: graft eval MODEL --data FILE [OPTIONS]\n");
        assertThat(page(List.of("merge"))).contains("\nUsage: graft merge MODEL ADAPTER… --output DIR [OPTIONS]\n");
        assertThat(page(List.of("data"))).contains("\nUsage: graft data COMMAND [OPTIONS]\n");
    }

    @Test
    void optionsStandInTheirGroupsTheCommandsOwnFirst() {
        assertThat(page(List.of("generate")))
                .containsSubsequence(
                        "\nOptions\n  --prompt TEXT",
                        "\nModel\n  --adapter DIR",
                        "--load-in-4bit",
                        "\nChoice of tokens\n  --max-new-tokens N",
                        "(default: 128)",
                        "\nEverywhere\n  -h, --help",
                        "\nExamples\n  graft generate");
        assertThat(page(List.of("chat"))).contains("(default: 512)");
        assertThat(page(List.of("data", "clean")))
                .contains("--[no-]exact-duplicates", "--near-duplicates[=SIMILARITY]");
        assertThat(page(List.of("data", "check"))).contains("--allow CHECK[,…]");
    }

    private static String[] graft(List<String> command) {
        return Stream.concat(Stream.of("graft"), command.stream()).toArray(String[]::new);
    }

    private static String page(List<String> command) {
        Ran ran = Ran.graft(Stream.concat(command.stream(), Stream.of("--help")).toArray());
        assertThat(ran.exitCode()).as(Arrays.toString(graft(command))).isZero();
        assertThat(ran.err()).isEmpty();
        return ran.out();
    }
}
