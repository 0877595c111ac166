package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import dev.graft.format.Gguf;
import dev.graft.format.Json;
import dev.graft.peft.Origin;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A chat template that was chosen for a model without one goes wherever what was trained with it goes.
class ChatTemplateTravelTest {
    private static final String CHATML = ChatTemplate.of("chatml").source();

    @TempDir
    Path folder;

    private Path model;
    private Path recipe;
    private Path run;

    @BeforeEach
    void make() throws IOException {
        model = TinyModel.in(folder);
        Path config = model.resolve("tokenizer_config.json");
        ObjectNode settings = Json.readObject(config, "settings").deepCopy();
        settings.remove("chat_template");
        AtomicFiles.writeString(config, Json.pretty(settings));
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": 1}");
        Files.writeString(
                folder.resolve("rows.jsonl"),
                Stream.of("one", "two", "three", "four", "five", "six", "seven", "eight")
                        .map("""
                        {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": " %s"}]}
                        """::formatted)
                        .collect(Collectors.joining()));
        recipe = TrainRuns.recipe(folder, model);
        run = folder.resolve("run");
    }

    private Ran train(String template, String... more) {
        Object[] fixed = {"train", recipe, "--set", "training.max_steps=2", "--set", "evaluation.exact_match_rows=1"};
        Object[] all = new Object[fixed.length + 2 + 2 * more.length];
        System.arraycopy(fixed, 0, all, 0, fixed.length);
        all[fixed.length] = "--set";
        all[fixed.length + 1] = "data.chat_template=" + template;
        for (int i = 0; i < more.length; i++) {
            all[fixed.length + 2 + 2 * i] = "--set";
            all[fixed.length + 3 + 2 * i] = more[i];
        }
        return Ran.graft(all);
    }

    private static Path trained(Ran ran, Path folder) {
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        return folder;
    }

    @Test
    void theAdapterBringsItAlong() throws IOException {
        Path adapter = trained(train("chatml"), run.resolve("adapter"));
        assertThat(Files.readString(adapter.resolve("chat_template.jinja"))).isEqualTo(CHATML);
        assertThat(run.resolve("checkpoints/step-2/adapter/chat_template.jinja"))
                .exists();
        assertThat(Files.readString(run.resolve("recipe.yaml"))).contains("chat_template: chatml");

        Ran chat = Ran.graftReading("hello\n", "chat", model, "--adapter", adapter, "--max-new-tokens", 2);
        assertThat(chat.exitCode()).as(chat.err()).isZero();
        assertThat(chat.err()).doesNotContain("no chat template");
        Ran answer = Ran.graft(
                "generate", model, "--adapter", adapter, "--chat", "--prompt", "hi", "--max-new-tokens", 2, "--json");
        assertThat(answer.json().path("prompt").asText())
                .isEqualTo("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
        Ran eval = Ran.graft("eval", model, "--adapter", adapter, "--data", folder.resolve("rows.jsonl"), "--json");
        assertThat(eval.json().path("rows").asInt()).as(eval.err()).isEqualTo(8);
    }

    @Test
    void theAdapterIsRefusedWithAnotherOne() throws IOException {
        Path adapter = trained(train("chatml"), run.resolve("adapter"));
        Object[] chat = {
            "generate",
            model,
            "--adapter",
            adapter,
            "--chat",
            "--prompt",
            "hi",
            "--max-new-tokens",
            1,
            "--chat-template",
            "alpaca"
        };
        assertThat(Ran.graft(chat).err()).contains("chat template: trained with sha256", "--force");
        chat[chat.length - 1] = "chatml";
        assertThat(Ran.graft(chat).exitCode()).isZero();
        Files.writeString(adapter.resolve("chat_template.jinja"), "{{ messages[0].content }}</s>");
        assertThat(Ran.graft("generate", model, "--adapter", adapter, "--prompt", "hi")
                        .err())
                .contains("chat template: trained with sha256");
    }

    @Test
    void mergedModelsHaveItAndStopWhereItsTurnsEnd() throws IOException {
        Path adapter = trained(train("chatml"), run.resolve("adapter"));
        Path merged = folder.resolve("merged");
        trained(Ran.graft("merge", model, adapter, "--output", merged, "--max-kl", 9), merged);
        requireChatml(merged);

        Path file = folder.resolve("merged.gguf");
        trained(Ran.graft("merge", model, adapter, "--output", file, "--format", "gguf", "--max-kl", 9), file);
        try (Gguf gguf = Gguf.open(file)) {
            assertThat(gguf.text("tokenizer.chat_template")).contains(CHATML);
        }
        Path folded = folder.resolve("folded");
        trained(Ran.graft("merge", model, adapter, "--method", "svd", "--output", folded), folded);
        assertThat(folded.resolve("chat_template.jinja")).hasContent(CHATML);
        assertThat(Origin.read(folded).orElseThrow().base().chatTemplate())
                .isEqualTo(Origin.read(adapter).orElseThrow().base().chatTemplate());
        assertThat(Ran.graft("generate", model, "--adapter", folded, "--prompt", "hi", "--max-new-tokens", 1)
                        .exitCode())
                .isZero();
    }

    @Test
    void adaptersOfTwoTemplatesDoNotMakeOneModel() throws IOException {
        Path chatml = TinyModel.adapterIn(folder, model);
        Path other = Files.createDirectory(folder.resolve("other"));
        for (String file : new String[] {"adapter_config.json", "adapter_model.safetensors"}) {
            Files.copy(chatml.resolve(file), other.resolve(file));
        }
        Files.writeString(chatml.resolve("chat_template.jinja"), CHATML);
        Files.writeString(other.resolve("chat_template.jinja"), "{{ messages[0].content }}</s>");
        Path merged = folder.resolve("merged");
        assertThat(Ran.graft("merge", model, chatml, other, "--output", merged).err())
                .contains(other.toString(), "another than that of " + chatml, "one chat template");
        assertThat(merged).doesNotExist();
    }

    @Test
    void fullyTrainedModelsHaveItToo() throws IOException {
        requireChatml(trained(train("chatml", "adapter.type=none"), run.resolve("model")));
    }

    private static void requireChatml(Path model) throws IOException {
        assertThat(Files.readString(model.resolve("chat_template.jinja"))).isEqualTo(CHATML);
        assertThat(Json.readObject(model.resolve("tokenizer_config.json"), "settings")
                        .has("chat_template"))
                .isFalse();
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            int end = tokenizer.idOf("<|im_end|>").orElseThrow();
            assertThat(tokenizer.stopIds()).contains(end, tokenizer.eosId().orElseThrow());
            assertThat(Json.readObject(model.resolve("generation_config.json"), "settings")
                            .path("eos_token_id")
                            .toString())
                    .contains(String.valueOf(end));
        }
    }

    @Test
    void aFileIsFoundBesideTheRecipeAndItsContentIsPartOfTheRun() throws IOException {
        Path file = Files.writeString(folder.resolve("mine.jinja"), CHATML);
        Files.writeString(
                recipe, Files.readString(recipe).replace("rows.jsonl,", "rows.jsonl, chat_template: mine.jinja,"));
        Ran ran = Ran.graft("train", recipe);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(Files.readString(run.resolve("recipe.yaml"))).contains(file.toString());
        Files.writeString(file, CHATML + "{# changed #}");
        Ran resumed = Ran.graft("train", recipe, "--resume");
        assertThat(resumed.exitCode()).isEqualTo(1);
        assertThat(resumed.err()).contains("chat template was");
    }

    @Test
    void aTemplateWhoseTurnsEndWithNoTokenIsRefused() {
        Ran ran = train("llama3");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err())
                .contains(
                        "ends an answer with \"<|eot_id|>\", which is no token", "of Graft's: alpaca, chatml, mistral");
        assertThat(run).doesNotExist();
        assertThat(train("chatlm").err()).contains("data.chat_template must be alpaca, chatml", "\"chatlm\"");
    }

    @Test
    void aModelWithoutTemplateSaysWhatToDo() {
        Ran chat = Ran.graftReading("hello\n", "chat", model, "--max-new-tokens", 1);
        assertThat(chat.exitCode()).as(chat.err()).isZero();
        assertThat(chat.err()).contains("no chat template", "--chat-template: alpaca, chatml");
        assertThat(Ran.graftReading("hello\n", "chat", model, "--max-new-tokens", 1, "--no-template")
                        .err())
                .contains("Without template")
                .doesNotContain("--chat-template");
        assertThat(Ran.graft("generate", model, "--chat", "--prompt", "hi").err())
                .contains("has no chat template", "--chat-template: alpaca, chatml");
        assertThat(Ran.graft("generate", model, "--prompt", "hi", "--chat-template", "chatml")
                        .exitCode())
                .isEqualTo(2);
        assertThat(Ran.graft("eval", model, "--data", folder.resolve("rows.jsonl"))
                        .err())
                .contains("no chat template", "data.chat_template", "--chat-template");
        assertThat(Ran.graft(
                                "eval",
                                model,
                                "--data",
                                folder.resolve("rows.jsonl"),
                                "--chat-template",
                                "chatml",
                                "--json")
                        .json()
                        .path("rows")
                        .asInt())
                .isEqualTo(8);
    }
}
