package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    static Stream<Arguments> endings() {
        return Stream.of(
                Arguments.of(new IllegalArgumentException("adapter.r is 0"), 1, "error: adapter.r is 0\n"),
                Arguments.of(new IllegalStateException("the run is over"), 1, "error: the run is over\n"),
                Arguments.of(
                        new UncheckedIOException("rows.jsonl cannot be read", new NoSuchFileException("rows.jsonl")),
                        1,
                        "error: rows.jsonl cannot be read: no such file or folder\n"),
                Arguments.of(
                        new UncheckedIOException("the run cannot be saved", new AccessDeniedException("/out")),
                        1,
                        "error: the run cannot be saved: /out: permission denied\n"),
                Arguments.of(
                        new UncheckedIOException(new FileSystemException("/out", null, "No space left on device")),
                        1,
                        "error: /out: No space left on device\n"),
                Arguments.of(new NoSuchFileException("m"), 1, "error: m: no such file or folder\n"),
                Arguments.of(new IOException("the stream ended"), 1, "error: the stream ended\n"),
                Arguments.of(
                        new Faults.Interrupted("checkpoint 7 saved", () -> {}),
                        130,
                        "interrupted: checkpoint 7 saved\n"));
    }

    @ParameterizedTest
    @MethodSource("endings")
    void whatTheUserCanMendIsOneSentence(Throwable thrown, int exitCode, String said) {
        assertThat(run(failing(thrown), "work")).isEqualTo(exitCode);
        assertThat(err.toString()).isEqualToNormalizingNewlines(said);
    }

    static Stream<Throwable> faultsOfOurs() {
        return Stream.of(
                new NullPointerException("x is null"),
                new NumberFormatException("For input"),
                new AssertionError("never"),
                new StackOverflowError());
    }

    @ParameterizedTest
    @MethodSource("faultsOfOurs")
    void aFaultOfOursIsCalledABugAndShowsWhere(Throwable thrown) {
        assertThat(run(failing(thrown), "work")).isEqualTo(1);
        assertThat(err.toString())
                .startsWith("error: " + thrown.getClass().getSimpleName())
                .contains("This is a bug in Graft", "\tat " + MainTest.class.getName());
    }

    @Test
    void aStackTraceIsShownOnRequest() {
        run(failing(new IllegalArgumentException("no")), "work", "--stacktrace");

        assertThat(err.toString()).startsWith("error: no").contains("\tat " + MainTest.class.getName());
    }

    @Test
    void aCommandThatWorksEndsWithItsOwnCode() {
        assertThat(run(command(() -> 0), "work")).isZero();
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void badUsageSaysWhatIsWrongAndWhereHelpIs() {
        CommandLine commands = command(() -> 0);

        assertThat(run(commands)).isEqualTo(2);
        assertThat(err.toString()).contains("a command is missing; it is one of", "work", "Try \"graft --help\".");
        assertThat(run(commands, "wrok")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no command \"wrok\"; did you mean work? There are train, eval,");
        assertThat(run(commands, "zzzzzzzz")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no command \"zzzzzzzz\"; there are train, eval,");
        assertThat(run(commands, "work", "--adaptr", "x")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no option \"--adaptr\"", "Try \"graft work --help\".");
    }

    static Stream<Arguments> slips() {
        return Stream.of(
                Arguments.of("train", "error: RECIPE is missing: YAML"),
                Arguments.of("train r.yaml --overwrit", "there is no option \"--overwrit\"; did you mean --overwrite?"),
                Arguments.of("train r.yaml --zzzzzzzzz=3", "error: there is no option \"--zzzzzzzzz\"\n"),
                Arguments.of("train r.yaml s.yaml", "\"s.yaml\" is one argument too many; usage: graft train RECIPE"),
                Arguments.of("generate m", "error: --prompt TEXT is missing: text to continue"),
                Arguments.of("generate m --prompt", "error: --prompt needs a value, TEXT: text to continue"),
                Arguments.of("merge m", "error: --output DIR and ADAPTER are missing\n"),
                Arguments.of("generate m --prompt x --top-k many", "error: --top-k: \"many\" is not a whole number\n"),
                Arguments.of("generate m --prompt x --top-p much", "error: --top-p: \"much\" is not a number\n"),
                Arguments.of("generate m --prompt x --dtype fp8", "error: --dtype: \"fp8\" is not one of auto"),
                Arguments.of("data chek", "there is no command \"chek\"; did you mean check? There are inspect,"));
    }

    @ParameterizedTest
    @MethodSource("slips")
    void aSlipOnTheCommandLineIsOneSentenceThatHelps(String typed, String said) {
        assertThat(run(Main.commandLine(), typed.split(" "))).isEqualTo(2);
        assertThat(err.toString())
                .contains(said)
                .hasLineCount(2)
                .endsWith("--help\".\n")
                .doesNotContain("Exception");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void whatIsPrintedWithoutALineBreakArrivesToo() {
        var buffered = new StringWriter();
        CommandLine commands = Main.commandLine().setOut(new PrintWriter(new BufferedWriter(buffered)));

        assertThat(Main.run(commands, "train", "--keys")).isZero();
        assertThat(buffered.toString()).contains("per_device_batch_tokens");
    }

    @Test
    void theModelAndItsAdapterAreOptionsOfACommand() {
        var work = new Work(() -> 0);
        CommandLine commands = Main.commandLine().addSubcommand("work", work);

        assertThat(run(commands, "work", "m", "--adapter", "a", "--dtype", "float32"))
                .isZero();
        assertThat(work.model.model()).isEqualTo(Path.of("m"));
        assertThat(work.model.adapter()).contains(Path.of("a"));
        assertThat(work.model.dtype()).isEqualTo(Recipe.Precision.FLOAT32);
        assertThat(run(commands, "work", "m", "--dtype", "fp8")).isEqualTo(2);
        assertThat(err.toString()).contains("--dtype", "\"fp8\" is not one of auto | float32 | bfloat16");
    }

    @Test
    void helpTeachesAndVersionNamesTheJdk() {
        assertThat(run(Main.commandLine(), "--help")).isZero();
        assertThat(out.toString())
                .contains("graft train examples/quickstart/recipe.yaml", "--set training.learning_rate=1e-4", "130");
        assertThat(run(Main.commandLine(), "--version")).isZero();
        assertThat(out.toString()).contains("graft ", "JDK " + Runtime.version().feature());
    }

    private int run(CommandLine commands, String... arguments) {
        commands.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
        return Main.run(commands, arguments);
    }

    private static CommandLine failing(Throwable thrown) {
        return command(() -> {
            if (thrown instanceof Error error) {
                throw error;
            }
            throw (Exception) thrown;
        });
    }

    private static CommandLine command(Callable<Integer> body) {
        return Main.commandLine().addSubcommand("work", new Bare(body));
    }

    @Command(name = "work")
    private record Bare(Callable<Integer> body) implements Callable<Integer> {
        @Override
        public Integer call() throws Exception {
            return body.call();
        }
    }

    @Command(name = "work")
    private static final class Work implements Callable<Integer> {
        private final Callable<Integer> body;

        @Mixin
        private ModelOptions model;

        Work(Callable<Integer> body) {
            this.body = body;
        }

        @Override
        public Integer call() throws Exception {
            return body.call();
        }
    }
}
