package dev.graft;

import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Models in float32 on the CPU, and what can be compared of them.
public final class Models {
    /// The model under `goldens/` that the training goldens begin from: three layers, 97 tokens.
    public static final Path TINY = Goldens.path("llama-tiny");

    private Models() {}

    public static LanguageModel load(Path directory, LinearFactory factory) {
        return Architectures.load(directory, factory, Device.cpu(), DType.F32);
    }

    /// Logits of one document, `[time · vocab]`.
    public static float[] logits(LanguageModel model, int... ids) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(Device.cpu())) {
            return model.logits(model.hidden(tape, TokenRun.document(ids)).data())
                    .toFloats();
        }
    }

    /// Mean negative log-probability of a document's tokens after the first.
    public static double loss(LanguageModel model, int... ids) {
        try (Scope scope = Scope.open();
                Tape tape = Tape.silent(Device.cpu())) {
            int[] rows = IntStream.range(0, ids.length - 1).toArray();
            float[] logProbs = model.logProbs(
                            tape,
                            model.hidden(tape, TokenRun.document(ids)),
                            rows,
                            Arrays.copyOfRange(ids, 1, ids.length))
                    .data()
                    .toFloats();
            return -IntStream.range(0, logProbs.length)
                    .mapToDouble(i -> logProbs[i])
                    .average()
                    .orElseThrow();
        }
    }

    /// Everything that learns, by name.
    public static Map<String, float[]> weights(LanguageModel model) {
        Map<String, float[]> weights = new LinkedHashMap<>();
        try (Scope scope = Scope.open()) {
            for (Parameter parameter : model.parameters()) {
                weights.put(parameter.name(), parameter.master().toFloats());
            }
        }
        return weights;
    }

    /// Moves everything that learns away from where it started, where an adapter would change nothing.
    public static void move(LanguageModel model) {
        SplittableRandom random = new SplittableRandom(17);
        for (Parameter parameter : model.parameters()) {
            try (Scope scope = Scope.open()) {
                float[] values = parameter.master().toFloats();
                for (int i = 0; i < values.length; i++) {
                    values[i] += (float) (0.1 * random.nextGaussian());
                }
                parameter.set(Tensor.of(values, parameter.master().shape()));
            }
        }
    }
}
