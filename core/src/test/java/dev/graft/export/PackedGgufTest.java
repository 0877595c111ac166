package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Tape;
import dev.graft.format.Gguf;
import dev.graft.format.GgufType;
import dev.graft.format.GgufWriter;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tokenizer.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whole models in the block formats that published GGUF files have and Graft reads alone: random blocks,
/// with scales that give weights of a usual size.
class PackedGgufTest {
    private static final String TEXT = "abc the quick brown fox";

    @TempDir
    Path folder;

    private Path plain;

    @BeforeEach
    void makeModel() {
        Map<String, Object> settings = Map.of(
                "model_type", "llama", "hidden_size", 256, "intermediate_size", 512, "tie_word_embeddings", false);
        plain = folder.resolve("plain.gguf");
        GgufExport.run(RandomModel.in(folder, settings), plain, GgufExport.Type.F32);
    }

    @ParameterizedTest
    @EnumSource(
            value = GgufType.class,
            names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"})
    void aPackedModelIsItsUnpackedOne(GgufType type) {
        requireTheSame(name -> type.name());
    }

    /// As llama.cpp's Q4_K_M mixes them.
    @Test
    void aModelOfSeveralTypesIsItsUnpackedOne() {
        requireTheSame(name -> name.contains("attn_v") || name.contains("ffn_down") || name.equals("output.weight")
                ? "Q6_K"
                : name.contains("attn_k") ? "Q5_K" : "Q4_K");
    }

    private void requireTheSame(UnaryOperator<String> types) {
        Path packed = packed(types);
        Path unpacked = unpacked(packed);
        try (LanguageModel model = Models.load(packed, LinearFactory.frozen());
                LanguageModel expected = Models.load(unpacked, LinearFactory.frozen());
                Tokenizer tokenizer = Tokenizer.load(packed)) {
            int[] ids = tokenizer.encode(TEXT, true);
            assertThat(Models.logits(model, ids)).containsExactly(Models.logits(expected, ids));
            float[] ours = GgufExportTest.lastHidden(model, ids);
            assertThat(LlamaCpp.lastHidden(unpacked, TEXT)).containsExactly(ours, within(2e-3f));
            // llama.cpp rounds what it multiplies packed weights by to 8 bits
            assertThat(LlamaCpp.lastHidden(packed, TEXT)).containsExactly(ours, within(2e-2f));
        }
    }

    @Test
    void adaptersTrainOverPackedWeights() {
        Adapters adapters = new Adapters(new Lora(2, 8, 0, Targets.allLinear()), 1);
        int[] ids = {3, 5, 7, 11, 13};
        try (LanguageModel model = Models.load(packed(name -> "Q4_K"), adapters.over(LinearFactory.frozen()));
                Scope scope = Scope.open();
                Tape tape = Tape.recording(Device.cpu(), 1, false)) {
            var logProbs = model.logProbs(
                    tape, model.hidden(tape, TokenRun.document(ids)), new int[] {0, 1, 2, 3}, new int[] {5, 7, 11, 13});
            tape.backward(logProbs, Tensor.full(1, DType.F32, Device.cpu(), 4));
            assertThat(model.parameters()).hasSize(2 * 7 * 2).allMatch(Parameter::hasGradient);
        }
    }

    /// A copy of the model whose matrices are random blocks.
    private Path packed(UnaryOperator<String> types) {
        SplittableRandom random = new SplittableRandom(7);
        return rewritten(plain, "packed.gguf", (gguf, name, shape) -> {
            GgufType type = shape.length == 2 ? GgufType.valueOf(types.apply(name)) : gguf.type(name);
            MemorySegment data = shape.length == 2 ? blocks(type, shape[0] * shape[1], random) : gguf.data(name);
            return new GgufWriter.Part(name, type, shape, data);
        });
    }

    private Path unpacked(Path packed) {
        return rewritten(packed, "unpacked.gguf", (gguf, name, shape) -> {
            if (gguf.type(name).codec().isEmpty()) {
                return new GgufWriter.Part(name, gguf.type(name), shape, gguf.data(name));
            }
            try (Scope scope = Scope.open()) {
                float[] values = gguf.type(name)
                        .decoded(gguf.data(name), shape, DType.F32)
                        .toFloats();
                return new GgufWriter.Part(name, GgufType.F32, shape, floats(values));
            }
        });
    }

    private static MemorySegment floats(float[] values) {
        MemorySegment data = MemorySegment.ofArray(new byte[4 * values.length]);
        MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        return data;
    }

    private interface Change {
        GgufWriter.Part of(Gguf gguf, String name, long[] shape);
    }

    private Path rewritten(Path from, String name, Change change) {
        Path to = folder.resolve(name);
        try (Gguf gguf = Gguf.open(from)) {
            List<GgufWriter.Part> parts = new ArrayList<>();
            gguf.entries().forEach((tensor, entry) -> parts.add(change.of(gguf, tensor, entry.shape())));
            GgufWriter.write(to, gguf.metadata(), parts);
        }
        return to;
    }

    /// Where a block's halves stand, and what they are multiplied by: the mean of the weights is about zero
    /// and their deviation about 0.05.
    private static Map<Integer, Double> halves(GgufType type) {
        return switch (type) {
            case Q4_0 -> Map.of(0, 0.01);
            case Q4_1 -> Map.of(0, 0.01, 2, -0.075);
            case Q5_0 -> Map.of(0, 0.005);
            case Q5_1 -> Map.of(0, 0.005, 2, -0.0775);
            case Q8_0 -> Map.of(0, 7e-4);
            case Q2_K -> Map.of(80, 5e-3, 82, 7.5e-3);
            case Q3_K -> Map.of(108, 1.2e-3);
            case Q4_K -> Map.of(0, 3e-4, 2, 22.5e-4);
            case Q5_K -> Map.of(0, 1.6e-4, 2, 24.8e-4);
            case Q6_K -> Map.of(208, 4e-5);
            default -> throw new IllegalArgumentException(type.name());
        };
    }

    private static MemorySegment blocks(GgufType type, long elements, SplittableRandom random) {
        byte[] bytes = new byte[(int) type.bytes(elements)];
        random.nextBytes(bytes);
        MemorySegment data = MemorySegment.ofArray(bytes);
        long block = type.bytes(type.blockElements());
        for (long at = 0; at < bytes.length; at += block) {
            double size = random.nextDouble(0.5, 1.5);
            for (var half : halves(type).entrySet()) {
                short bits = Float.floatToFloat16((float) (size * half.getValue()));
                data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + half.getKey(), bits);
            }
        }
        return data;
    }
}
