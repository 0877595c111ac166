package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.SharedData;
import dev.graft.format.Json;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {
    @TempDir
    static Path folder;

    private static Path model;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(folder);
    }

    @Test
    void greedyStoriesAreThoseOfPyTorch() {
        Path stories = SharedData.file("models/stories260k/hf");
        JsonNode all = Json.readObject(SharedData.file("models/stories260k/goldens.json"), "goldens");
        for (int i : new int[] {1, 2}) { // the first is 260 tokens long
            JsonNode golden = all.path("greedy").get(i);
            Object[] arguments = {
                "generate",
                stories,
                "--prompt",
                golden.path("prompt").asText(),
                "--max-new-tokens",
                60,
                "--dtype",
                "float32"
            };
            Ran plain = Ran.graft(arguments);
            assertThat(plain.exitCode()).as(plain.err()).isZero();
            assertThat(plain.out()).isEqualTo(golden.path("text").asText() + System.lineSeparator());
            assertThat(plain.err()).isEmpty();
            Object[] asJson = Arrays.copyOf(arguments, arguments.length + 1);
            asJson[arguments.length] = "--json";
            JsonNode json = Ran.graft(asJson).json();
            assertThat(json.path("text")).isEqualTo(golden.path("text"));
            assertThat(json.path("token_ids")).isEqualTo(golden.path("ids"));
        }
    }

    @Test
    void theJsonObjectIsComplete() {
        Ran ran = Ran.graft("generate", model, "--prompt", "hello", "--max-new-tokens", 7, "--json");
        JsonNode json = ran.json();
        assertThat(ran.out().lines()).hasSize(1);
        assertThat(json.path("prompt").asText()).isEqualTo("hello");
        assertThat(json.path("text").asText())
                .isEqualTo("hello" + json.path("completion").asText());
        int fresh = json.path("new_token_ids").size();
        assertThat(fresh == 7 || json.path("stopped").asBoolean()).isTrue();
        assertThat(json.path("token_ids").size()).isGreaterThan(fresh);
        assertThat(json.path("seconds").asDouble()).isPositive();
        assertThat(json.path("tokens_per_second").isNumber()).isTrue();
    }

    @Test
    void theSeedDecidesWhatIsDrawn() {
        assertThat(drawn(1)).isEqualTo(drawn(1)).isNotEqualTo(drawn(2));
    }

    private static JsonNode drawn(int seed) {
        return Ran.graft(
                        "generate",
                        model,
                        "--prompt",
                        "hello",
                        "--temperature",
                        1.5,
                        "--top-k",
                        50,
                        "--top-p",
                        0.95,
                        "--seed",
                        seed,
                        "--max-new-tokens",
                        20,
                        "--json")
                .json()
                .path("new_token_ids");
    }

    @Test
    void anAdapterChangesTheText() {
        Path adapter = TinyModel.adapterIn(folder, model);
        JsonNode base =
                Ran.graft("generate", model, "--prompt", "hello", "--json").json();
        JsonNode adapted = Ran.graft("generate", model, "--adapter", adapter, "--prompt", "hello", "--json")
                .json();
        assertThat(adapted.path("text")).isNotEqualTo(base.path("text"));
    }

    @Test
    void aDashReadsThePromptFromStandardInput() {
        Ran ran =
                Ran.graftReading("hello\nwörld\n", "generate", model, "--prompt", "-", "--max-new-tokens", 2, "--json");
        assertThat(ran.json().path("prompt").asText()).isEqualTo("hello\nwörld");
    }

    @Test
    void settingsOutOfRangeAreBadUsage() {
        for (String[] wrong : new String[][] {
            {"--temperature", "-1"},
            {"--top-p", "0"},
            {"--top-k", "-2"},
            {"--max-new-tokens", "0"},
            {"--seed", "x"},
            {"--dtype", "float16"}
        }) {
            Ran ran = Ran.graft("generate", model, "--prompt", "hello", wrong[0], wrong[1]);
            assertThat(ran.exitCode()).as(wrong[0]).isEqualTo(2);
            assertThat(ran.out()).isEmpty();
            assertThat(ran.err()).contains("error: ", wrong[1], "graft generate --help");
        }
    }

    @Test
    void foldersThatAreNoModelAreSentences() {
        assertThat(failure("generate", folder.resolve("nowhere"), "--prompt", "a"))
                .contains("no such directory");
        assertThat(failure("generate", folder, "--prompt", "a")).contains("there is no config.json in it");
        Path adapter = TinyModel.adapterIn(folder, model);
        assertThat(failure("generate", adapter, "--prompt", "a")).contains("this is an adapter", "--adapter");
        assertThat(failure("generate", model, "--adapter", model, "--prompt", "a"))
                .contains("adapter_config.json");
        assertThat(failure("generate", model, "--prompt", "hello ".repeat(100))).contains("64", "shorten it");
    }

    private static String failure(Object... arguments) {
        Ran ran = Ran.graft(arguments);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).startsWith("error: ").doesNotContain("bug", "\tat ");
        return ran.err();
    }

    @Test
    void helpTeachesByExample() {
        for (String command : new String[] {"generate", "chat", "score", "eval", "inspect"}) {
            Ran ran = Ran.graft(command, "--help");
            assertThat(ran.exitCode()).isZero();
            assertThat(ran.out())
                    .contains("Example", "graft " + command + " ", "Options")
                    .doesNotContain("DEFAULT-VALUE");
        }
        assertThat(Ran.graft("chat", "--help").out())
                .containsPattern("default:\\s+512")
                .containsPattern("default:\\s+0\\.7");
        assertThat(Ran.graft("generate", "--help").out()).containsPattern("default:\\s+128");
    }
}
