package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.SharedData;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A small model that somebody trained, against what PyTorch computed with it (`goldens.json` beside it).
class StoriesModelTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int END = 1;

    private JsonNode goldens;

    @BeforeEach
    void readGoldens() throws IOException {
        goldens =
                JSON.readTree(SharedData.file("models/stories260k/goldens.json").toFile());
    }

    private static LanguageModel load(LinearFactory factory) {
        return Architectures.load(SharedData.file("models/stories260k/hf"), factory, Device.cpu(), DType.F32);
    }

    @Test
    void theLastLogitsAreTheReferences() {
        try (LanguageModel model = load(LinearFactory.frozen())) {
            for (JsonNode text : goldens.get("forward")) {
                int[] ids = ints(text.get("ids"));
                float[] logits = Golden.logits(model, TokenRun.document(ids));
                int last = (ids.length - 1) * model.vocabularySize();
                float[] expected = JSON.convertValue(text.get("logits_last_first16"), float[].class);
                assertThat(Arrays.copyOfRange(logits, last, last + 16)).containsExactly(expected, within(2e-5f));
                assertThat(largest(logits, last))
                        .isEqualTo(text.get("logits_last_argmax").asInt());
            }
        }
    }

    @Test
    void tokensCostWhatTheReferenceSays() {
        try (LanguageModel model = load(LinearFactory.frozen());
                Tape tape = Tape.silent(Device.cpu())) {
            for (JsonNode text : goldens.get("forward")) {
                try (Scope scope = Scope.open()) {
                    int[] ids = ints(text.get("ids"));
                    Value hidden = model.hidden(tape, TokenRun.document(ids));
                    int[] rows = IntStream.range(0, ids.length - 1).toArray();
                    float[] logProbs = model.logProbs(tape, hidden, rows, Arrays.copyOfRange(ids, 1, ids.length))
                            .data()
                            .neg()
                            .toFloats();
                    float[] expected = JSON.convertValue(text.get("token_nll"), float[].class);
                    assertThat(logProbs).containsExactly(expected, within(2e-5f));
                }
            }
        }
    }

    @Test
    void greedyDecodingTellsTheReferencesStories() {
        try (LanguageModel model = load(LinearFactory.frozen())) {
            for (JsonNode story : goldens.get("greedy")) {
                int[] expected = ints(story.get("ids"));
                int limit = story.get("max_new_tokens").asInt();
                int prompt = expected.length - limit; // none of them ended early
                assertThat(greedy(model, Arrays.copyOf(expected, prompt), limit))
                        .containsExactly(expected);
            }
        }
    }

    private static int[] greedy(LanguageModel model, int[] prompt, int limit) {
        List<Integer> ids = new ArrayList<>();
        Arrays.stream(prompt).forEach(ids::add);
        try (KvCache cache = model.cache(prompt.length + limit)) {
            int done = 0;
            for (int i = 0; i < limit; i++) {
                float[] logits = Golden.logits(model, next(cache, ids, done));
                done = ids.size();
                int token = largest(logits, logits.length - model.vocabularySize());
                if (token == END) {
                    break;
                }
                ids.add(token);
            }
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    private static TokenRun next(KvCache cache, List<Integer> ids, int done) {
        int[] places = IntStream.range(done, ids.size()).toArray();
        int[] newest = Arrays.stream(places).map(ids::get).toArray();
        return TokenRun.inCache(newest, places, new int[places.length], cache);
    }

    @Test
    void gradientsHaveTheReferencesNorms() {
        JsonNode batch = goldens.get("batch");
        try (LanguageModel model = load(LinearFactory.trainable())) {
            double loss = backward(model, batch);
            assertThat(loss).isCloseTo(batch.get("loss").asDouble(), within(2e-6));
            double squares = 0;
            for (Parameter parameter : model.parameters()) {
                double norm = parameter.gradient().norm();
                double expected = batch.get("grad_l2").get(parameter.name()).asDouble();
                assertThat(norm).as(parameter.name()).isCloseTo(expected, within(2e-5 * expected));
                squares += norm * norm;
            }
            assertThat(model.parameters()).hasSize(batch.get("grad_l2").size());
            double all = batch.get("grad_global_l2").asDouble();
            assertThat(Math.sqrt(squares)).isCloseTo(all, within(2e-6 * all));
        }
    }

    /// Mean loss over the labelled tokens of the padded batch, packed here without its padding.
    private static double backward(LanguageModel model, JsonNode batch) {
        int[][] inputs = JSON.convertValue(batch.get("input_ids"), int[][].class);
        int[][] labels = JSON.convertValue(batch.get("labels"), int[][].class);
        int[] starts = new int[inputs.length + 1];
        IntStream.Builder ids = IntStream.builder();
        IntStream.Builder rows = IntStream.builder();
        IntStream.Builder targets = IntStream.builder();
        for (int d = 0; d < inputs.length; d++) {
            starts[d + 1] = starts[d];
            for (int i = 0; i < inputs[d].length && labels[d][i] >= 0; i++) {
                ids.add(inputs[d][i]);
                rows.add(starts[d + 1]++);
                targets.add(labels[d][i]);
            }
        }
        try (Scope scope = Scope.open();
                Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value hidden = model.hidden(tape, TokenRun.documents(ids.build().toArray(), starts));
            Value logProbs = model.logProbs(
                    tape, hidden, rows.build().toArray(), targets.build().toArray());
            long count = logProbs.data().elements();
            tape.backward(logProbs, Tensor.full(-1.0 / count, DType.F32, Device.cpu(), count));
            return -logProbs.data().to(DType.F64).sum().item() / count;
        }
    }

    private static int[] ints(JsonNode node) {
        return JSON.convertValue(node, int[].class);
    }

    /// Place of the largest logit of the vocabulary-sized stretch that begins at `from` and ends the array.
    private static int largest(float[] logits, int from) {
        int best = from;
        for (int i = from; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best - from;
    }
}
