package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.tokenizer.TinyTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataCheckCommandTest {
    private static final String CHATML = """
            {% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""";
    /// 40 different words, of which one is left open.
    private static final String LONG = IntStream.range(0, 39).mapToObj(i -> "word" + i).collect(Collectors.joining(" "))
            + " %s";

    @TempDir
    Path folder;

    private Path model;

    @BeforeEach
    void copyTokenizer() throws IOException {
        model = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("model")));
    }

    @Test
    void soundRowsPass() throws IOException {
        write("train.jsonl", pair("hello", " yes"), pair("hello hello", " no"));
        write("dev.jsonl", pair("hello world", " yes"));
        Ran ran = check("train.jsonl", "--eval", folder.resolve("dev.jsonl"));
        assertThat(ran.exitCode()).as(ran.out() + ran.err()).isZero();
        assertThat(ran.out()).isEqualTo("3 rows looked at: 0 errors, 0 warnings" + System.lineSeparator());
    }

    @Test
    void rowsOfWhichNothingIsLearntAreAnError() throws IOException {
        write("pairs.jsonl", pair("hello", " yes"), pair("hello", " "));
        Ran ran = check("pairs.jsonl");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out())
                .contains("error  all_masked: of 1 row nothing is learnt", "row 2", "its completion is empty")
                .contains("2 rows looked at: 1 error, 0 warnings");
        Ran allowed = check("pairs.jsonl", "--allow", "all_masked");
        assertThat(allowed.exitCode()).isZero();
        assertThat(allowed.out()).contains("allowed  all_masked", "0 errors, 0 warnings, 1 allowed");
    }

    @Test
    void whatTheCutLeavesIsLookedAt() throws IOException {
        write("train.jsonl", "{\"messages\": [%s, %s, %s]}".formatted(
                turn("user", "hello"), turn("assistant", "yes"), turn("user", "no ".repeat(40))));
        assertThat(check("train.jsonl", "--max-length", 20, "--overlong", "truncate_start")
                        .out())
                .contains("all_masked");
        assertThat(check("train.jsonl", "--max-length", 20, "--overlong", "truncate_end")
                        .out())
                .doesNotContain("all_masked");
    }

    @Test
    void promptThatLeavesNoRoomIsAnErrorUnlessItsRowIsDropped() throws IOException {
        write("train.jsonl", pair("hello", " yes"), pair("hello ".repeat(20), "yes"));
        for (String overlong : List.of("error", "truncate_start", "truncate_end", "split")) {
            Ran ran = check("train.jsonl", "--max-length", 10, "--overlong", overlong);
            assertThat(ran.exitCode()).as(overlong).isEqualTo(1);
            assertThat(ran.out()).contains("prompt_too_long: in 1 row", "row 2 has a prompt of ");
        }
        assertThat(check("train.jsonl", "--max-length", 10, "--overlong", "drop")
                        .exitCode())
                .isZero();
        assertThat(check("train.jsonl", "--max-length", 200).exitCode()).isZero();
    }

    @Test
    void endThatIsNeverLearntIsAnErrorAndAWarningWhereSomeRowsLackIt() throws IOException {
        write("train.jsonl", chat("hello", "yes"), chat("hello", "no"));
        assertThat(check("train.jsonl").out()).doesNotContain("eos_not_trained");
        String marked = """
                {%% for m in messages %%}<|im_start|>{{ m.role }}
                {%% if m.role == 'assistant' %%}{%% generation %%}{{ m.content }}%s{%% endgeneration %%}%s\
                {%% else %%}{{ m.content }}<|im_end|>{%% endif %%}
                {%% endfor %%}""";
        template(marked.formatted("", "<|im_end|>"));
        Ran ran = check("train.jsonl");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out()).contains("error  eos_not_trained: in 2 rows", "generation_config.json");
        template(marked.formatted("<|im_end|>", ""));
        assertThat(check("train.jsonl").exitCode()).isZero();
        template(marked.formatted("{% if m.content == 'yes' %}<|im_end|>{% endif %}", "<|im_end|>"));
        Ran some = check("train.jsonl");
        assertThat(some.exitCode()).isZero();
        assertThat(some.out()).contains("warning  eos_not_trained: in 1 row");
    }

    @Test
    void twoBeginningsAreAnError() throws IOException {
        write("train.jsonl", pair("<s>hello", " yes"), pair("hello", " no"));
        Ran ran = check("train.jsonl");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out()).contains("error  double_bos: 1 row begins with two", "row 1");
        write("chats.jsonl", chat("hello", "yes"));
        template("<s>" + CHATML);
        assertThat(check("chats.jsonl").exitCode()).isZero();
        template("<s><s>" + CHATML);
        assertThat(check("chats.jsonl").out()).contains("error  double_bos");
    }

    @Test
    void specialTokensInWhatAConversationSaysAreAnError() throws IOException {
        write("train.jsonl", chat("hello", "yes"), chat("ignore<|im_end|>this", "no"));
        Ran ran = check("train.jsonl");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out())
                .contains("error  special_tokens_in_text: the text of 1 row", "row 2 holds \"<|im_end|>\"");
        assertThat(check("train.jsonl", "--allow", "special_tokens_in_text,eval_leak")
                        .exitCode())
                .isZero();
        write("pairs.jsonl", pair("<|im_start|>hello", " yes"), pair("a < b <| c", " yes"));
        Ran written = check("pairs.jsonl");
        assertThat(written.exitCode()).isZero();
        assertThat(written.out()).contains("warning  special_tokens_in_text: the text of 1 row");
    }

    @Test
    void heldOutRowsAreWrittenAsThoseToTrainOn() throws IOException {
        write("train.jsonl", chat("hello", "yes"));
        write("dev.jsonl", pair("hello", " yes"));
        Ran ran = check("train.jsonl", "--eval", folder.resolve("dev.jsonl"));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out())
                .contains("error  template_mismatch: 1 row that is held out is written otherwise")
                .contains("held out: a prompt and a completion", "trained on: conversations");
        write("more.jsonl", chat("hello", "no"));
        assertThat(check("train.jsonl", "--eval", folder.resolve("more.jsonl")).exitCode())
                .isZero();
    }

    @Test
    void heldOutRowsThatAreTrainedOnAreAnError() throws IOException {
        write("train.jsonl", pair("hello", " yes"), pair("world", " no"), pair("use", " no"));
        write("dev.jsonl", pair("hello", " no"), pair("world", " no"));
        Ran ran = check("train.jsonl", "--eval", folder.resolve("dev.jsonl"));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out())
                .contains("error  eval_leak: 1 row that is held out is trained on as well")
                .contains("dev.jsonl: row 2; row 2 is row 2 of ", "train.jsonl")
                .doesNotContain("near_leak");
        JsonNode json = check("train.jsonl", "--eval", folder.resolve("dev.jsonl"), "--json")
                .json();
        assertThat(json.path("errors").asInt()).isEqualTo(1);
        assertThat(json.path("findings").path(0).path("name").asText()).isEqualTo("eval_leak");
        assertThat(json.path("findings").path(0).path("rows").asInt()).isEqualTo(1);
    }

    @Test
    void heldOutRowsThatAreNearlyTrainedOnAreAnError() throws IOException {
        // 41 words make 39 runs of three; the last two words are in three of them: 36 / 42 are shared
        write("train.jsonl", pair(LONG.formatted("walk"), " yes"), pair("hello", " no"));
        write("dev.jsonl", pair("world", " no"), pair(LONG.formatted("run"), " no"));
        Ran ran = check("train.jsonl", "--eval", folder.resolve("dev.jsonl"));
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out())
                .contains("error  eval_near_leak: 1 row that is held out nearly repeats")
                .contains("dev.jsonl: row 2; row 2 is 90 % of row 1 of ");
        assertThat(check("train.jsonl", "--eval", folder.resolve("dev.jsonl"), "--allow", "eval_near_leak")
                        .exitCode())
                .isZero();
        write("far.jsonl", pair(LONG.formatted("run").substring(120), " no"));
        assertThat(check("train.jsonl", "--eval", folder.resolve("far.jsonl")).exitCode())
                .isZero();
    }

    @Test
    void whatManyHeldOutRowsShareMakesNoLeak() throws IOException {
        List<String> train = new ArrayList<>();
        List<String> dev = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            train.add(pair(LONG.formatted("is the task; the case is t%da t%db t%dc".formatted(i, i, i)), " yes"));
            dev.add(pair(LONG.formatted("is the task; the case is d%da d%db d%dc".formatted(i, i, i)), " yes"));
        }
        write("train.jsonl", train.toArray(String[]::new));
        write("dev.jsonl", dev.toArray(String[]::new));
        assertThat(check("train.jsonl", "--eval", folder.resolve("dev.jsonl")).exitCode())
                .isZero();
    }

    @Test
    void repetitionsEmptyPromptsAndFusedSeamsAreWarnings() throws IOException {
        write("train.jsonl", pair("hello", " yes"), pair("", "yes"), pair("hello", " yes"), pair("hello ", "world"));
        Ran ran = check("train.jsonl");
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out())
                .contains("warning  duplicate_rows: 1 row repeats an earlier one", "row 3")
                .contains("warning  empty_prompt: in 1 row the prompt is empty", "row 2")
                .contains("warning  fused_seam: in 1 row", "row 4")
                .contains("4 rows looked at: 0 errors, 3 warnings");
    }

    @Test
    void heldOutRowsAreDrawnFromThoseThatDoNotRepeat() throws IOException {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            rows.add(pair("hello " + i % 50, " yes"));
        }
        write("train.jsonl", rows.toArray(String[]::new));
        Path recipe = recipe("eval_fraction: 0.5");
        Ran ran = Ran.graft("data", "check", recipe);
        assertThat(ran.exitCode()).as(ran.out() + ran.err()).isZero();
        assertThat(ran.out()).contains("duplicate_rows: 10 rows repeat").doesNotContain("eval_leak");
        Ran tooMany = Ran.graft("data", "check", recipe, "--set", "data.eval_fraction=0.9");
        assertThat(tooMany.exitCode()).isEqualTo(1);
        assertThat(tooMany.err()).contains("20 of 60 rows repeat another, so that 54 cannot be held out");
    }

    @Test
    void trainRunsTheSameChecksAndItsReportSaysWhatWasAllowed() throws IOException {
        Path tiny = TinyModel.in(folder);
        Files.writeString(folder.resolve("rows.jsonl"), TrainRuns.rows(24));
        Files.writeString(folder.resolve("dev.jsonl"), TrainRuns.rows(2));
        Path recipe = TrainRuns.recipe(folder, tiny);
        Files.writeString(
                recipe,
                Files.readString(recipe)
                        .replace("eval_fraction: 0.2", "eval: dev.jsonl")
                        .replace("max_steps: 6", "max_steps: 1"));
        Ran refused = Ran.graft("train", recipe);
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err())
                .contains("the data is not fit to train on", "eval_leak: 2 rows", "--allow eval_leak");
        assertThat(folder.resolve("run")).doesNotExist();
        Ran allowed = Ran.graft("train", recipe, "--allow", "eval_leak");
        assertThat(allowed.exitCode()).as(allowed.err()).isZero();
        assertThat(Files.readString(folder.resolve("run/data_report.json")))
                .contains("\"name\": \"eval_leak\"", "\"allowed\": true");
        assertThat(Files.readString(folder.resolve("run/recipe.yaml"))).contains("eval_leak");
        assertThat(Files.readString(folder.resolve("run/report.html")))
                .contains("allowed eval_leak", "What is learnt", "<span class=\"learnt special\"");
    }

    @Test
    void unknownNamesAreAnErrorThatListsTheNames() throws IOException {
        write("train.jsonl", pair("hello", " yes"));
        Ran ran = check("train.jsonl", "--allow", "leaks");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("there is no check \"leaks\"", "all_masked", "fused_seam");
        Ran inRecipe = Ran.graft("data", "check", recipe("allow: [leaks]"));
        assertThat(inRecipe.err()).contains("data.allow: there is no check \"leaks\"");
    }

    @Test
    void commandLinesThatSayTooLittleOrTooMuchAreBadUsage() throws IOException {
        write("train.jsonl", pair("hello", " yes"));
        Path rows = folder.resolve("train.jsonl");
        assertThat(Ran.graft("data", "check")).satisfies(ran -> {
            assertThat(ran.exitCode()).isEqualTo(2);
            assertThat(ran.err()).contains("rows are missing");
        });
        assertThat(Ran.graft("data", "check", rows).err()).contains("--model is missing");
        assertThat(Ran.graft("data", "check", recipe(""), rows).err()).contains("a recipe names its rows itself");
        assertThat(Ran.graft("data", "check", recipe(""), "--model", model).err())
                .contains("change them with --set");
        assertThat(Ran.graft("data", "check", rows, "--model", model, "--set", "seed=1")
                        .err())
                .contains("there is none");
        assertThat(check("train.jsonl", "--overlong", "cut").err())
                .contains("\"cut\" is not one of error, truncate_start");
        assertThat(check("none.jsonl").err()).contains("none.jsonl");
    }

    private Ran check(String rows, Object... more) {
        List<Object> arguments = new ArrayList<>(List.of("data", "check", folder.resolve(rows), "--model", model));
        arguments.addAll(Arrays.asList(more));
        return Ran.graft(arguments.toArray());
    }

    private Path recipe(String data) throws IOException {
        return Files.writeString(
                folder.resolve("recipe.yaml"),
                "model: model\noutput_dir: run\ndata:\n  train: train.jsonl\n  max_length: 100\n  %s\n".formatted(data));
    }

    private void template(String source) throws IOException {
        Files.writeString(model.resolve("chat_template.jinja"), source);
    }

    private void write(String name, String... rows) throws IOException {
        Files.writeString(folder.resolve(name), String.join("\n", rows) + "\n");
    }

    private static String pair(String prompt, String completion) {
        return "{\"prompt\": \"%s\", \"completion\": \"%s\"}".formatted(prompt, completion);
    }

    private static String chat(String user, String assistant) {
        return "{\"messages\": [%s, %s]}".formatted(turn("user", user), turn("assistant", assistant));
    }

    private static String turn(String role, String content) {
        return "{\"role\": \"%s\", \"content\": \"%s\"}".formatted(role, content);
    }
}
