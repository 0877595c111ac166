package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.export.Merge;
import dev.graft.export.ModelDirectory;
import dev.graft.format.FormatException;
import dev.graft.format.Safetensors;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Optimizer;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What every architecture must do, shown on tiny models whose logits another framework has computed.
@TestInstance(Lifecycle.PER_CLASS)
abstract class ArchitectureContract {
    /// Logits of these models go up to about 5; the reference in float32 is 5e-6 away from itself in float64.
    private static final float TOLERANCE = 2e-5f;

    @TempDir
    Path temporary;

    /// Models of this architecture with golden logits, each with three sequences.
    abstract Stream<Golden> goldens();

    Stream<Golden> goldensWithGradients() {
        return goldens().filter(Golden::hasGradients);
    }

    /// What a model says after a change of its configuration that Graft does not run.
    static void requireRefusal(Golden golden, Path target, Consumer<ObjectNode> change, String... words) {
        Golden changed = golden.withConfig(target, change);
        assertThatThrownBy(changed::frozen)
                .isInstanceOf(FormatException.class)
                .hasMessageContaining("config.json")
                .hasMessageContainingAll(words);
    }

    // ---------------------------------------------------------------- forward

    @ParameterizedTest
    @MethodSource("goldens")
    void logitsAreTheReferences(Golden golden) {
        try (LanguageModel model = golden.frozen()) {
            for (int i = 0; i < golden.sequences().size(); i++) {
                TokenRun run = TokenRun.document(golden.sequences().get(i));
                assertThat(Golden.logits(model, run)).containsExactly(golden.logits(i), within(TOLERANCE));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void packedDocumentsHaveTheLogitsOfEachAlone(Golden golden) {
        try (LanguageModel model = golden.frozen()) {
            TokenRun packed = TokenRun.documents(golden.joined(), golden.starts());
            assertThat(Golden.logits(model, packed)).containsExactly(golden.joinedLogits(), within(TOLERANCE));
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void decodingWithACacheGivesTheSameLogits(Golden golden) {
        int[] ids = golden.sequences().getLast();
        try (LanguageModel model = golden.frozen();
                KvCache cache = model.cache(ids.length)) {
            for (int i = 5; i <= ids.length; i++) {
                boolean again = i == 5 || model.cacheHolds(i - 1) < i;
                float[] logits = Golden.logits(model, cached(cache, ids, again ? 0 : i - 1, i, 0));
                float[] alone = Golden.logits(model, TokenRun.document(Arrays.copyOf(ids, i)));
                int from = alone.length - logits.length;
                assertThat(logits)
                        .as("after %d tokens", i)
                        .containsExactly(Arrays.copyOfRange(alone, from, alone.length), within(TOLERANCE));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void sequencesDecodeSideBySideInOneCache(Golden golden) {
        int[] a = golden.sequences().get(1);
        int[] b = golden.sequences().get(2);
        List<Float> logitsOfA = new ArrayList<>();
        List<Float> logitsOfB = new ArrayList<>();
        float[] expectedOfB;
        try (LanguageModel model = golden.frozen();
                KvCache cache = model.cache(a.length + 3 + b.length)) {
            int vocab = model.vocabularySize();
            int[] firstSlots = {0, a.length + 3}; // three slots lie unused between them
            append(logitsOfA, Golden.logits(model, cached(cache, a, 0, 2, firstSlots[0])));
            append(logitsOfB, Golden.logits(model, cached(cache, b, 0, 9, firstSlots[1])));
            int j = 9;
            for (int i = 2; i < a.length; i++, j++) {
                TokenRun both = TokenRun.inCache(
                        new int[] {b[j], a[i]}, new int[] {j, i}, new int[] {firstSlots[1], firstSlots[0]}, cache);
                float[] logits = Golden.logits(model, both);
                append(logitsOfB, Arrays.copyOf(logits, vocab));
                append(logitsOfA, Arrays.copyOfRange(logits, vocab, 2 * vocab));
            }
            expectedOfB = Golden.logits(model, TokenRun.document(Arrays.copyOf(b, j)));
        }
        assertThat(array(logitsOfA)).containsExactly(golden.logits(1), within(TOLERANCE));
        assertThat(array(logitsOfB)).containsExactly(expectedOfB, within(TOLERANCE));
    }

    /// The tokens `[from, to)` of a sequence whose first slot in the cache is given.
    private static TokenRun cached(KvCache cache, int[] ids, int from, int to, int firstSlot) {
        int[] positions = IntStream.range(from, to).toArray();
        int[] firstSlots = IntStream.range(from, to).map(i -> firstSlot).toArray();
        return TokenRun.inCache(Arrays.copyOfRange(ids, from, to), positions, firstSlots, cache);
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void recordingChangesNoLogit(Golden golden) {
        TokenRun run = TokenRun.documents(golden.joined(), golden.starts());
        try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32)) {
            float[] silent = Golden.logits(model, run);
            for (boolean recomputing : new boolean[] {false, true}) {
                try (Scope scope = Scope.open();
                        Tape tape = Tape.recording(Device.cpu(), 1, recomputing)) {
                    Value hidden = model.hidden(tape, run);
                    assertThat(model.logits(hidden.data()).toFloats()).containsExactly(silent);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void bfloat16StaysNearFloat32(Golden golden) {
        TokenRun run = TokenRun.documents(golden.joined(), golden.starts());
        float[] expected = golden.joinedLogits();
        try (LanguageModel model = golden.load(LinearFactory.frozen(), DType.BF16)) {
            float[] logits = Golden.logits(model, run);
            double difference = 0;
            double size = 0;
            for (int i = 0; i < expected.length; i++) {
                difference += Math.pow(logits[i] - expected[i], 2);
                size += Math.pow(expected[i], 2);
            }
            // bfloat16 keeps 8 bits: about 0.4 % a rounding, and a dozen roundings a layer.
            assertThat(Math.sqrt(difference / size)).isBetween(1e-5, 0.03);
        }
    }

    // ---------------------------------------------------------------- backward

    @ParameterizedTest
    @MethodSource("goldens")
    void everyGradientSaysHowTheLossChanges(Golden golden) {
        try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32)) {
            backward(model, golden, false);
            for (Parameter parameter : model.parameters()) {
                try (Scope scope = Scope.open()) {
                    Tensor before = parameter.master().copy();
                    double slope = parameter.gradient().norm();
                    assertThat(slope).as(parameter.name()).isPositive();
                    double step = 0.02 * Math.sqrt(before.norm() / before.elements() + 1e-3);
                    double up = lossAt(model, golden, parameter, before, step / slope);
                    double down = lossAt(model, golden, parameter, before, -step / slope);
                    parameter.set(before);
                    assertThat((up - down) / (2 * step) / slope)
                            .as("slope of %s along its gradient, in gradients", parameter.name())
                            .isCloseTo(1, within(0.02));
                }
            }
        }
    }

    private static double lossAt(
            LanguageModel model, Golden golden, Parameter parameter, Tensor before, double alongGradient) {
        parameter.set(before.copy().addInPlace(parameter.gradient(), alongGradient));
        try (Tape tape = Tape.silent(Device.cpu())) {
            return loss(tape, model, golden);
        }
    }

    @ParameterizedTest
    @MethodSource("goldensWithGradients")
    void gradientsAreTheReferences(Golden golden) {
        int[] ids = golden.sequences().getLast();
        int[] rows = IntStream.range(0, ids.length - 1).toArray();
        int[] targets = Arrays.copyOfRange(ids, 1, ids.length);
        try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32);
                Scope scope = Scope.open();
                Tape tape = Tape.recording(Device.cpu(), 1, false)) {
            Value logProbs = model.logProbs(tape, model.hidden(tape, TokenRun.document(ids)), rows, targets);
            double sum = logProbs.data().to(DType.F64).sum().item();
            assertThat(sum).isCloseTo(golden.sumOfLogProbabilities(), within(1e-5 * Math.abs(sum)));
            tape.backward(logProbs, Tensor.full(1, DType.F32, Device.cpu(), rows.length));
            Map<String, Double> norms = golden.gradientNorms();
            assertThat(model.parameters().stream().map(Parameter::name))
                    .containsExactlyInAnyOrderElementsOf(norms.keySet());
            for (Parameter parameter : model.parameters()) {
                double norm = norms.get(parameter.name());
                assertThat(parameter.gradient().norm()).as(parameter.name()).isCloseTo(norm, within(1e-4 * norm));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void loraOnAllLinearLayersLowersTheLoss(Golden golden) {
        Adapters adapters = new Adapters(new Lora(2, 8, 0, Targets.allLinear()), 1);
        ModelConfig config = ModelConfig.read(golden.directory());
        try (LanguageModel model = golden.load(adapters.over(LinearFactory.frozen()), DType.F32);
                Tape silent = Tape.silent(Device.cpu());
                Optimizer adamW = new AdamW(model.parameters(), AdamWSettings.defaults(), AdamW.everyParameter())) {
            assertThat(adapters.adapted().keySet())
                    .containsExactlyInAnyOrderElementsOf(
                            Architectures.of(config).linearLayers(config));
            double before = -loss(silent, model, golden);
            for (int step = 0; step < 5; step++) {
                backward(model, golden, false);
                assertThat(model.parameters())
                        .allSatisfy(
                                p -> assertThat(p.hasGradient()).as(p.name()).isTrue());
                adamW.step(0.02, -1.0 / golden.joined().length);
                model.parameters().forEach(Parameter::clearGradient);
            }
            assertThat(-loss(silent, model, golden)).isLessThan(0.9 * before);
        }
    }

    Stream<Golden> goldensWithAdapters() {
        return goldens().filter(golden -> Files.isDirectory(golden.adapter()));
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("goldensWithAdapters")
    void anAdapterOfPeftIsWornAndSavedAgainAsItWas(Golden golden) {
        Adapters adapters = Adapters.read(golden.adapter());
        Path again = temporary.resolve("adapter-" + golden.directory().getFileName());
        try (LanguageModel model = golden.load(adapters.over(LinearFactory.frozen()), DType.F32)) {
            adapters.load(golden.adapter());
            for (int i = 0; i < golden.sequences().size(); i++) {
                TokenRun run = TokenRun.document(golden.sequences().get(i));
                assertThat(Golden.logits(model, run)).containsExactly(golden.adaptedLogits(i), within(TOLERANCE));
            }
            adapters.save(again, "base");
        }
        try (Safetensors of = Safetensors.open(golden.adapter().resolve("adapter_model.safetensors"));
                Safetensors saved = Safetensors.open(again.resolve("adapter_model.safetensors"))) {
            assertThat(saved.entries().keySet()).isEqualTo(of.entries().keySet());
            of.entries()
                    .keySet()
                    .forEach(name -> assertThat(saved.data(name).mismatch(of.data(name)))
                            .as(name)
                            .isEqualTo(-1));
        }
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("goldensWithAdapters")
    void aMergedModelHasTheLogitsOfTheOneThatWearsTheAdapter(Golden golden) {
        Path target = temporary.resolve("merged-" + golden.directory().getFileName());
        Merge.run(golden.directory(), golden.adapter(), target, Optional.empty());
        try (LanguageModel merged = new Golden(target).frozen()) {
            TokenRun run = TokenRun.document(golden.sequences().getLast());
            float[] expected = golden.adaptedLogits(golden.sequences().size() - 1);
            assertThat(Golden.logits(merged, run)).containsExactly(expected, within(5e-5f)); // another order of sums
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void recomputingGivesTheSameGradients(Golden golden) {
        try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32)) {
            backward(model, golden, false);
            Map<String, float[]> expected = new HashMap<>();
            model.parameters().forEach(p -> {
                expected.put(p.name(), p.gradient().toFloats());
                p.clearGradient();
            });
            backward(model, golden, true);
            for (Parameter parameter : model.parameters()) {
                assertThat(parameter.gradient().toFloats())
                        .as(parameter.name())
                        .containsExactly(expected.get(parameter.name()), within(1e-6f));
            }
        }
    }

    /// Sum of log-probabilities of each next token.
    private static double loss(Tape tape, LanguageModel model, Golden golden) {
        try (Scope scope = Scope.open()) {
            return nextTokens(tape, model, golden).data().to(DType.F64).sum().item();
        }
    }

    static void backward(LanguageModel model, Golden golden, boolean recomputing) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.recording(Device.cpu(), 1, recomputing)) {
            Value logProbs = nextTokens(tape, model, golden);
            tape.backward(
                    logProbs,
                    Tensor.full(1, DType.F32, Device.cpu(), logProbs.data().shape()));
        }
    }

    private static Value nextTokens(Tape tape, LanguageModel model, Golden golden) {
        int[] ids = golden.joined();
        int[] starts = golden.starts();
        int[] rows = IntStream.range(0, ids.length - 1)
                .filter(i -> Arrays.binarySearch(starts, i + 1) < 0)
                .toArray();
        int[] targets = Arrays.stream(rows).map(i -> ids[i + 1]).toArray();
        Value hidden = model.hidden(tape, TokenRun.documents(ids, starts));
        return model.logProbs(tape, hidden, rows, targets);
    }

    // ---------------------------------------------------------------- weights

    @ParameterizedTest
    @MethodSource("goldens")
    void everyTensorOfTheFileBecomesAParameter(Golden golden) {
        try (Safetensors file = Safetensors.open(golden.directory().resolve("model.safetensors"));
                LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32)) {
            assertThat(model.parameters().stream().map(Parameter::name))
                    .containsExactlyInAnyOrderElementsOf(file.entries().keySet());
            long elements = file.entries().values().stream()
                    .mapToLong(Safetensors.Entry::elements)
                    .sum();
            assertThat(model.totalParameters()).isEqualTo(elements);
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void aFullyTrainedModelIsSavedAndLoadedAgain(Golden golden) {
        TokenRun run = TokenRun.document(golden.sequences().getLast());
        Path saved = temporary.resolve("saved-" + golden.directory().getFileName());
        try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.F32)) {
            Map<String, ModelDirectory.Weight> weights = new LinkedHashMap<>();
            for (Parameter parameter : model.parameters()) {
                try (Scope scope = Scope.open()) {
                    parameter.set(parameter.master().mul(1.1));
                }
                weights.put(
                        parameter.name(),
                        new ModelDirectory.Weight(DType.F32, parameter.master().shape(), parameter::master));
            }
            ModelDirectory.write(saved, golden.directory(), weights, DType.F32);
            try (LanguageModel again = new Golden(saved).frozen()) {
                float[] expected = Golden.logits(model, run);
                assertThat(Golden.logits(again, run)).containsExactly(expected, within(TOLERANCE));
                assertThat(expected)
                        .isNotEqualTo(golden.logits(golden.sequences().size() - 1));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void linearLayersAreTensorsOfTheModel(Golden golden) {
        ModelConfig config = ModelConfig.read(golden.directory());
        Architecture architecture = Architectures.of(config);
        Map<String, long[]> tensors = architecture.tensors(config);
        assertThat(architecture.linearLayers(config))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(tensors.get(name + ".weight")).hasSize(2));
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void weightsThatDoNotFitAreOneErrorNamingEach(Golden golden) {
        try (Arena arena = Arena.ofConfined()) {
            String[] names = new String[3];
            Golden broken = golden.withTensors(
                    temporary.resolve("misfit-" + golden.directory().getFileName()), parts -> {
                        List<Part> changed = new ArrayList<>(parts);
                        names[0] = changed.removeFirst().name();
                        Part misshapen = changed.removeFirst();
                        names[1] = misshapen.name();
                        changed.add(new Part(misshapen.name(), DType.F32, new long[] {3, 5}, arena.allocate(60)));
                        Part odd = changed.removeFirst();
                        names[2] = odd.name();
                        changed.add(new Part(
                                odd.name(), DType.I32, odd.shape(), arena.allocate(4 * elements(odd.shape()))));
                        changed.add(new Part("model.surplus", DType.F32, new long[] {2}, arena.allocate(8)));
                        return changed;
                    });
            assertThatThrownBy(broken::frozen)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContainingAll(
                            broken.directory().toString(),
                            "4 of",
                            names[0] + ": missing",
                            names[1] + ": shape [3, 5]; expected [",
                            names[2] + ": type I32; expected",
                            "model.surplus: not part of this architecture");
        }
    }

    private static long elements(long[] shape) {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void randomWeightsDependOnTheSeedAlone(Golden golden) {
        TokenRun run = TokenRun.document(golden.sequences().getLast());
        float[] first = randomLogits(golden, run, 1);
        assertThat(randomLogits(golden, run, 1)).containsExactly(first);
        assertThat(randomLogits(golden, run, 2)).isNotEqualTo(first);
        for (float logit : first) {
            assertThat(logit).isFinite();
        }
    }

    private static float[] randomLogits(Golden golden, TokenRun run, long seed) {
        try (LanguageModel model =
                Architectures.random(golden.directory(), LinearFactory.frozen(), Device.cpu(), DType.F32, seed)) {
            return Golden.logits(model, run);
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void aClosedModelLeavesNoTensorBehind(Golden golden) {
        long before = LiveTensors.count();
        for (boolean recomputing : new boolean[] {false, true}) {
            try (LanguageModel model = golden.load(LinearFactory.trainable(), DType.BF16);
                    KvCache cache = model.cache(8)) {
                backward(model, golden, recomputing);
                Golden.logits(model, cached(cache, golden.joined(), 0, 8, 0));
            }
            assertThat(LiveTensors.count()).isEqualTo(before);
        }
    }

    private static void append(List<Float> list, float[] values) {
        for (float value : values) {
            list.add(value);
        }
    }

    private static float[] array(List<Float> list) {
        float[] values = new float[list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = list.get(i);
        }
        return values;
    }
}
