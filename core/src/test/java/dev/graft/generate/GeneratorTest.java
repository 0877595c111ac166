package dev.graft.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.autograd.Tape;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GeneratorTest {
    private static final GenerationSettings GREEDY =
            GenerationSettings.defaults().withMaxNewTokens(20);
    private static final GenerationSettings SAMPLING =
            GREEDY.withTemperature(1.5).withTopK(40).withTopP(0.95);

    private static final List<int[]> PROMPTS = List.of(
            new int[] {35},
            new int[] {39, 12, 21, 88, 0, 76, 33},
            new int[] {38, 63, 50, 88, 44, 90, 51, 89, 27, 11, 26, 25, 37, 96},
            new int[] {1, 2, 3});

    private static LanguageModel model;

    @BeforeAll
    static void load() throws URISyntaxException {
        Path files =
                Path.of(GeneratorTest.class.getResource("/goldens/llama-tiny").toURI());
        model = Architectures.load(files, LinearFactory.frozen(), Device.cpu(), DType.F32);
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void greedyTokensAreThoseOfTheWholeModelAtEachStep() {
        Generator generator = new Generator(model, Set.of());
        List<int[]> together = ids(generator.generate(PROMPTS, GREEDY));
        for (int i = 0; i < PROMPTS.size(); i++) {
            int[] expected = withoutCache(PROMPTS.get(i), GREEDY.maxNewTokens());
            assertThat(together.get(i)).as("prompt %d, together", i).isEqualTo(expected);
            assertThat(generator.generate(PROMPTS.get(i), GREEDY, id -> {}).ids())
                    .as("prompt %d, alone", i)
                    .isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"phi3-tiny", "llama-tiny-dynamic", "gemma3-tiny"})
    void whereLongDocumentsAreTurnedOtherwiseTheyAreReadAgain(String name) throws URISyntaxException {
        // Two of these turn documents of more than 16 tokens otherwise than shorter ones; all have vocabularies of 64.
        Path files = Path.of(GeneratorTest.class.getResource("/goldens/" + name).toURI());
        List<int[]> prompts =
                List.of(new int[] {35}, new int[] {39, 12, 21, 8, 0, 6, 33, 3, 5, 7, 9, 11, 13, 15}, new int[20]);
        try (LanguageModel other = Architectures.load(files, LinearFactory.frozen(), Device.cpu(), DType.F32)) {
            List<int[]> together = ids(new Generator(other, Set.of()).generate(prompts, GREEDY));
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(together.get(i))
                        .as("prompt %d", i)
                        .isEqualTo(withoutCache(other, prompts.get(i), GREEDY.maxNewTokens()));
            }
        }
    }

    @Test
    void whatStandsBesideASequenceDoesNotChangeIt() {
        Generator generator = new Generator(model, Set.of());
        List<int[]> together = ids(generator.generate(PROMPTS, SAMPLING));
        List<int[]> reversed =
                ids(generator.generate(PROMPTS.reversed(), SAMPLING)).reversed();
        for (int i = 0; i < PROMPTS.size(); i++) {
            assertThat(reversed.get(i)).isEqualTo(together.get(i));
            assertThat(generator.generate(PROMPTS.get(i), SAMPLING, id -> {}).ids())
                    .isEqualTo(together.get(i));
        }
    }

    @Test
    void limitsDoNotChangeTheResult() {
        List<int[]> together = ids(new Generator(model, Set.of()).generate(PROMPTS, SAMPLING));
        for (var limits : List.of(
                new Generator.Limits(1, 1 << 20), new Generator.Limits(3, 1 << 20), new Generator.Limits(99, 50))) {
            List<int[]> inGroups = ids(new Generator(model, Set.of(), limits).generate(PROMPTS, SAMPLING));
            for (int i = 0; i < PROMPTS.size(); i++) {
                assertThat(inGroups.get(i)).as("%s, prompt %d", limits, i).isEqualTo(together.get(i));
            }
        }
    }

    @Test
    void sameSeedGivesTheSameTokensAndAnotherSeedOthers() {
        Generator generator = new Generator(model, Set.of());
        int[] once = generator.generate(PROMPTS.get(1), SAMPLING, id -> {}).ids();
        assertThat(generator.generate(PROMPTS.get(1), SAMPLING, id -> {}).ids()).isEqualTo(once);
        assertThat(generator
                        .generate(PROMPTS.get(1), SAMPLING.withSeed(43), id -> {})
                        .ids())
                .isNotEqualTo(once);
    }

    @Test
    void copiesOfOnePromptAreContinuedDifferently() {
        int[] prompt = PROMPTS.get(1);
        List<int[]> all = ids(new Generator(model, Set.of()).generate(List.of(prompt, prompt, prompt), SAMPLING));
        assertThat(all.get(0)).isNotEqualTo(all.get(1));
        assertThat(all.get(1)).isNotEqualTo(all.get(2));
        assertThat(all.get(0)).isNotEqualTo(all.get(2));
    }

    @Test
    void stopTokenEndsOnlyItsOwnSequence() {
        Generator endless = new Generator(model, Set.of());
        List<int[]> whole = ids(endless.generate(PROMPTS, GREEDY));
        int stop = whole.get(1)[4];
        List<Generated> stopped = new Generator(model, Set.of(stop)).generate(PROMPTS, GREEDY);
        for (int i = 0; i < PROMPTS.size(); i++) {
            int[] full = whole.get(i);
            int end = 0;
            while (end < full.length && full[end] != stop) {
                end++;
            }
            assertThat(stopped.get(i).ids()).isEqualTo(Arrays.copyOf(full, end));
            assertThat(stopped.get(i).stopped()).isEqualTo(end < full.length);
        }
        assertThat(stopped.get(1).stopped()).isTrue();
    }

    @Test
    void everyTokenIsHandedOnInOrder() {
        List<Integer> seen = new ArrayList<>();
        Generated result = new Generator(model, Set.of()).generate(PROMPTS.get(2), GREEDY, seen::add);
        assertThat(seen)
                .containsExactlyElementsOf(Arrays.stream(result.ids()).boxed().toList());
        assertThat(result.ids()).hasSize(20);
        assertThat(result.stopped()).isFalse();
    }

    @Test
    void generationEndsWithTheModelsPositions() {
        int[] prompt = new int[model.maxPositions() - 3];
        Arrays.fill(prompt, 7);
        Generated result = new Generator(model, Set.of()).generate(prompt, GREEDY, id -> {});
        assertThat(result.ids()).hasSize(3);
        assertThat(result.stopped()).isFalse();
    }

    @Test
    void nothingOfAStepOutlivesIt() {
        long before = LiveTensors.count();
        List<Long> counts = new ArrayList<>();
        Generator generator = new Generator(model, Set.of());
        generator.generate(PROMPTS.get(1), SAMPLING, id -> counts.add(LiveTensors.count()));
        assertThat(counts).hasSize(20);
        assertThat(Set.copyOf(counts)).hasSize(1);
        // keys and values of each layer, and the table of rotary positions, which stays with the model
        assertThat(counts.getFirst() - before).isBetween(6L, 8L);
        long after = LiveTensors.count();
        generator.generate(PROMPTS, SAMPLING);
        assertThat(LiveTensors.count()).isEqualTo(after);
    }

    @Test
    void brokenOffGenerationFreesItsMemory() {
        Generator generator = new Generator(model, Set.of());
        generator.generate(PROMPTS.get(1), GREEDY, id -> {});
        long before = LiveTensors.count();
        assertThatThrownBy(() -> generator.generate(PROMPTS.get(1), GREEDY, id -> {
                    throw new IllegalStateException("enough");
                }))
                .hasMessage("enough");
        assertThat(LiveTensors.count()).isEqualTo(before);
    }

    @Test
    void promptsThatCannotBeContinuedAreRefused() {
        Generator generator = new Generator(model, Set.of());
        assertThatThrownBy(() -> generator.generate(List.of(new int[] {1}, new int[0]), GREEDY))
                .hasMessageContaining("prompt 2 has no tokens");
        assertThatThrownBy(() -> generator.generate(List.of(new int[256]), GREEDY))
                .hasMessageContaining("the prompt has 256 tokens")
                .hasMessageContaining("at most 255");
        assertThatThrownBy(() -> generator.generate(List.of(new int[] {5, 97}), GREEDY))
                .hasMessageContaining("token id 97")
                .hasMessageContaining("from 0 to 96");
        assertThat(generator.generate(List.of(), GREEDY)).isEmpty();
    }

    /// The likeliest token after all tokens so far, each time from the beginning.
    private static int[] withoutCache(int[] prompt, int tokens) {
        return withoutCache(model, prompt, tokens);
    }

    private static int[] withoutCache(LanguageModel model, int[] prompt, int tokens) {
        int[] ids = Arrays.copyOf(prompt, prompt.length + tokens);
        for (int at = prompt.length; at < ids.length; at++) {
            try (Scope scope = Scope.open();
                    Tape tape = Tape.silent(model.device())) {
                Tensor hidden = model.hidden(tape, TokenRun.document(Arrays.copyOf(ids, at)))
                        .data();
                ids[at] = Sampler.largest(
                        model.logits(hidden.narrow(0, at - 1, 1)).toFloats());
            }
        }
        return Arrays.copyOfRange(ids, prompt.length, ids.length);
    }

    private static List<int[]> ids(List<Generated> results) {
        return results.stream().map(Generated::ids).toList();
    }
}
