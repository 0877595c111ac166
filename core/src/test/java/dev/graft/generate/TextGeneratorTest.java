package dev.graft.generate;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// On stories260K, a Llama of 260 thousand weights that tells stories.
class TextGeneratorTest {
    /// `goldens.json` of the model: `<s>` ends a story.
    private static final Set<Integer> STOP = Set.of(1);

    private static LanguageModel model;
    private static Tokenizer tokenizer;

    @BeforeAll
    static void load() {
        Path files = SharedData.file("models/stories260k/hf");
        model = Architectures.load(files, LinearFactory.frozen(), Device.cpu(), DType.F32);
        tokenizer = Tokenizer.load(files);
    }

    @AfterAll
    static void close() {
        if (model != null) {
            model.close();
            tokenizer.close();
        }
    }

    @Test
    void greedyStoriesAreThoseOfPyTorch() throws IOException {
        JsonNode goldens = new ObjectMapper()
                .readTree(SharedData.file("models/stories260k/goldens.json").toFile());
        TextGenerator generator = new TextGenerator(model, tokenizer, STOP);
        for (JsonNode golden : goldens.get("greedy")) {
            String prompt = golden.get("prompt").asText();
            Completion story = generator.generate(
                    prompt, length(golden.get("max_new_tokens").asInt()));
            assertThat(IntStream.concat(IntStream.of(story.promptIds()), IntStream.of(story.ids())))
                    .containsExactlyElementsOf(ids(golden));
            assertThat(prompt + story.text()).isEqualTo(golden.get("text").asText());
        }
    }

    @Test
    void storiesOfOneLengthComeTogetherAsAlone() {
        TextGenerator generator = new TextGenerator(model, tokenizer, STOP);
        List<String> prompts = List.of("", "Once upon a time", "The dog");
        List<Completion> together = generator.generateAll(prompts, length(60));
        for (int i = 0; i < prompts.size(); i++) {
            assertThat(together.get(i).text())
                    .isEqualTo(generator.generate(prompts.get(i), length(60)).text());
        }
    }

    @Test
    void textThatStreamsIsTheWholeText() {
        TextGenerator generator = new TextGenerator(model, tokenizer, STOP);
        GenerationSettings settings = length(80).withTemperature(1);
        List<String> pieces = new ArrayList<>();
        Completion streamed = generator.generate(generator.promptIds("Tom"), settings, pieces::add);
        assertThat(String.join("", pieces)).isEqualTo(streamed.text());
        assertThat(pieces).hasSizeGreaterThan(20).doesNotContain("");
        assertThat(generator.generate("Tom", settings).text()).isEqualTo(streamed.text());
    }

    @Test
    void anEmptyPromptIsTheTokenThatBeginsAText() {
        assertThat(new TextGenerator(model, tokenizer).promptIds("")).containsExactly(1);
    }

    private static GenerationSettings length(int tokens) {
        return GenerationSettings.defaults().withMaxNewTokens(tokens);
    }

    private static List<Integer> ids(JsonNode golden) {
        List<Integer> ids = new ArrayList<>();
        golden.get("ids").forEach(id -> ids.add(id.asInt()));
        return ids;
    }
}
