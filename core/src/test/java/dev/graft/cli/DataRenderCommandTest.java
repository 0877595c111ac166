package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.SharedData;
import dev.graft.tokenizer.TinyTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataRenderCommandTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    @Test
    void rowsWithTheirOwnTemplateRenderAsInTransformers() throws IOException {
        JsonNode cases =
                JSON.readTree(SharedData.file("chat-templates/cases.json").toFile());
        StringBuilder rows = new StringBuilder();
        for (JsonNode one : cases) {
            ObjectNode row = JSON.createObjectNode().put("id", one.path("case").asText());
            row.put(
                    "template",
                    Files.readString(SharedData.file(
                            "chat-templates/" + one.path("template").asText())));
            row.set("context", one.path("context"));
            rows.append(row).append('\n');
        }
        List<JsonNode> rendered = render(rows.toString());
        for (int i = 0; i < cases.size(); i++) {
            assertThat(rendered.get(i).path("id")).isEqualTo(cases.get(i).path("case"));
            assertThat(rendered.get(i).path("text")).isEqualTo(cases.get(i).path("expected"));
            assertThat(rendered.get(i).path("error")).isEqualTo(cases.get(i).path("error"));
        }
    }

    @Test
    void errorsOfTheTemplateStandInTheirRowsAndTheRestIsWritten() throws IOException {
        List<JsonNode> rendered = render("""
                {"template": "{{ raise_exception('no ' ~ x) }}", "context": {"x": 1.50}, "keep": 1.50}
                {"template": "a\\n{{ x.y.z }}", "context": {"x": 1}}
                {"template": "{{ x }}", "x": 7, "text": "old"}
                """);
        assertThat(rendered.get(0).path("error").asText()).isEqualTo("no 1.5");
        assertThat(rendered.get(0).has("text")).isFalse();
        assertThat(Files.readString(folder.resolve("out.jsonl"))).contains("\"keep\":1.50");
        assertThat(rendered.get(1).path("error").asText()).contains("line 2", "'int object' has no attribute 'y'");
        assertThat(rendered.get(2).path("text").asText()).isEqualTo("7");
        assertThat(Ran.graft("data", "render", "--input", path("in.jsonl"), "--output", path("again.jsonl"))
                        .out())
                .contains("1 row rendered; 2 with an error; \"text\" or \"error\" that was there before replaced in 1");
    }

    @Test
    void modelGivesItsTemplateAndSpecialTokens() throws IOException {
        Path model = Files.createDirectory(folder.resolve("model"));
        TinyTokenizer.copyTo(model);
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{{ messages[0].content }}{{ tools is none }}{{ add_generation_prompt }}");
        List<JsonNode> rendered =
                render("{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n", "--model", model.toString());
        assertThat(rendered.getFirst().path("text").asText()).isEqualTo("<s>HiTrueFalse");
    }

    @Test
    void builtInTemplatesHaveNames() throws IOException {
        List<JsonNode> rendered =
                render("{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n", "--template", "chatml");
        assertThat(rendered.getFirst().path("text").asText()).isEqualTo("<|im_start|>user\nHi<|im_end|>\n");
    }

    @Test
    void rowsWithoutAnyTemplateAreNamed() throws IOException {
        Files.writeString(folder.resolve("in.jsonl"), "{\"messages\": []}\n");
        Ran ran = Ran.graft("data", "render", "--input", path("in.jsonl"), "--output", path("out.jsonl"));
        assertThat(ran.err()).contains("row 1", "has no \"template\" of its own; give --model or --template");
        assertThat(folder.resolve("out.jsonl")).doesNotExist();
    }

    private List<JsonNode> render(String rows, String... more) throws IOException {
        Files.writeString(folder.resolve("in.jsonl"), rows);
        List<String> arguments =
                new ArrayList<>(List.of("data", "render", "--input", path("in.jsonl"), "--output", path("out.jsonl")));
        arguments.addAll(List.of(more));
        Ran ran = Ran.graft(arguments.toArray());
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        List<JsonNode> all = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("out.jsonl"))) {
            all.add(JSON.readTree(line));
        }
        return all;
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }
}
