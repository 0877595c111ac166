package dev.graft.model;

import dev.graft.autograd.Attention;
import dev.graft.autograd.Operations;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.nn.RotaryTable;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Llama, Llama 2 and Llama 3.x: pre-norm decoder with rotary positions, grouped key-value heads and a gated unit.
///
/// Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>; Grattafiori et al. 2024,
/// <https://arxiv.org/abs/2407.21783>.
final class Llama implements Architecture {
    /// What `config.json` says, checked.
    private record Shape(
            int width,
            int inner,
            int layers,
            int heads,
            int keyHeads,
            int headDim,
            int vocab,
            int maxPositions,
            double epsilon,
            double[] rotaryFrequencies,
            boolean attentionBias,
            boolean mlpBias,
            boolean tied) {
        static Shape of(ModelConfig config) {
            int width = config.size("hidden_size");
            int heads = config.size("num_attention_heads");
            int keyHeads = config.optionalSize("num_key_value_heads").orElse(heads);
            int headDim = config.optionalSize("head_dim").orElse(width / heads);
            if (heads % keyHeads != 0) {
                throw config.wrong("num_key_value_heads", "it is " + keyHeads, "a divisor of the " + heads + " heads");
            }
            if (headDim % 2 != 0) {
                throw config.wrong("head_dim", "it is " + headDim, "an even number, for rotary positions");
            }
            if (config.number("partial_rotary_factor", 1) != 1) {
                throw config.wrong(
                        "partial_rotary_factor", "it is " + config.json().get("partial_rotary_factor"), "1 or nothing");
            }
            String activation = config.text("hidden_act").orElse("silu");
            if (!activation.equals("silu")) {
                throw config.wrong("hidden_act", "it is \"" + activation + "\"", "silu");
            }
            return new Shape(
                    width,
                    config.size("intermediate_size"),
                    config.size("num_hidden_layers"),
                    heads,
                    keyHeads,
                    headDim,
                    config.size("vocab_size"),
                    config.optionalSize("max_position_embeddings").orElse(2048),
                    config.number("rms_norm_eps", 1e-6),
                    config.rotaryFrequencies(headDim),
                    config.flag("attention_bias", false),
                    config.flag("mlp_bias", false),
                    config.flag("tie_word_embeddings", false));
        }

        /// The linear layers of one block: name after `model.layers.N.`, `[out, in]`, whether it has a bias.
        List<LinearSpec> linears() {
            int q = heads * headDim;
            int kv = keyHeads * headDim;
            return List.of(
                    new LinearSpec("self_attn.q_proj", q, width, attentionBias),
                    new LinearSpec("self_attn.k_proj", kv, width, attentionBias),
                    new LinearSpec("self_attn.v_proj", kv, width, attentionBias),
                    new LinearSpec("self_attn.o_proj", width, q, attentionBias),
                    new LinearSpec("mlp.gate_proj", inner, width, mlpBias),
                    new LinearSpec("mlp.up_proj", inner, width, mlpBias),
                    new LinearSpec("mlp.down_proj", width, inner, mlpBias));
        }
    }

    private record LinearSpec(String name, int out, int in, boolean bias) {}

    @Override
    public String modelType() {
        return "llama";
    }

    @Override
    public Map<String, long[]> tensors(ModelConfig config) {
        Shape shape = Shape.of(config);
        Map<String, long[]> tensors = new LinkedHashMap<>();
        tensors.put("model.embed_tokens.weight", new long[] {shape.vocab, shape.width});
        for (int i = 0; i < shape.layers; i++) {
            String prefix = "model.layers." + i + ".";
            tensors.put(prefix + "input_layernorm.weight", new long[] {shape.width});
            for (LinearSpec linear : shape.linears()) {
                tensors.put(prefix + linear.name + ".weight", new long[] {linear.out, linear.in});
                if (linear.bias) {
                    tensors.put(prefix + linear.name + ".bias", new long[] {linear.out});
                }
            }
            tensors.put(prefix + "post_attention_layernorm.weight", new long[] {shape.width});
        }
        tensors.put("model.norm.weight", new long[] {shape.width});
        if (!shape.tied) {
            tensors.put("lm_head.weight", new long[] {shape.vocab, shape.width});
        }
        return tensors;
    }

    @Override
    public List<String> linearLayers(ModelConfig config) {
        Shape shape = Shape.of(config);
        List<String> names = new ArrayList<>();
        for (int i = 0; i < shape.layers; i++) {
            for (LinearSpec linear : shape.linears()) {
                names.add("model.layers." + i + "." + linear.name);
            }
        }
        return names;
    }

    @Override
    public LanguageModel build(ModelConfig config, NamedTensors source, LinearFactory factory, Runnable close) {
        long total = tensors(config).values().stream()
                .mapToLong(s -> s.length == 1 ? s[0] : s[0] * s[1])
                .sum();
        return new Model(config, Shape.of(config), source, factory, total, close);
    }

    private static final class Model implements LanguageModel {
        private final ModelConfig config;
        private final Shape shape;
        private final DType computeType;
        private final Device device;
        private final EmbeddingLayer embedding;
        private final List<Block> blocks = new ArrayList<>();
        private final Weight norm;
        private final LinearLayer head;
        private final RotaryTable rotary;
        private final List<Parameter> parameters;
        private final long totalParameters;
        private final LinearFactory factory;
        private final Runnable close;

        Model(
                ModelConfig config,
                Shape shape,
                NamedTensors source,
                LinearFactory factory,
                long totalParameters,
                Runnable close) {
            this.config = config;
            this.shape = shape;
            this.computeType = source.computeType();
            this.device = source.device();
            this.embedding = factory.embedding("model.embed_tokens", source);
            for (int i = 0; i < shape.layers; i++) {
                blocks.add(new Block(shape, i, source, factory));
            }
            this.norm = factory.weight("model.norm.weight", source);
            this.head = factory.head("lm_head", shape.tied ? Optional.of(embedding) : Optional.empty(), source);
            this.rotary = new RotaryTable(shape.rotaryFrequencies, device);
            factory.complete();
            this.parameters = List.copyOf(factory.parameters());
            this.totalParameters = totalParameters;
            this.factory = factory;
            this.close = close;
        }

        @Override
        public Value hidden(Tape tape, TokenRun run) {
            Tensor ids = Tensor.of(run.ids()).to(device);
            RotaryTable.CosSin turn = rotary.at(run.positions());
            Tensor slots = Tensor.of(run.cached().map(TokenRun.Cached::slots).orElse(new int[0]))
                    .to(device);
            Value x = embedding.forward(tape, ids);
            for (Block block : blocks) {
                x = tape.block(x, (t, input) -> block.forward(t, input, run, turn, slots));
            }
            return Operations.rmsNorm(tape, x, norm, shape.epsilon);
        }

        @Override
        public KvCache cache(int slots) {
            return new KvCache(shape.layers, shape.keyHeads, slots, shape.headDim, computeType, device);
        }

        @Override
        public ModelConfig config() {
            return config;
        }

        @Override
        public DType computeType() {
            return computeType;
        }

        @Override
        public Device device() {
            return device;
        }

        @Override
        public Projection head() {
            return head.projection().orElseThrow();
        }

        @Override
        public int vocabularySize() {
            return shape.vocab;
        }

        @Override
        public int maxPositions() {
            return shape.maxPositions;
        }

        @Override
        public List<Parameter> parameters() {
            return parameters;
        }

        @Override
        public long totalParameters() {
            return totalParameters;
        }

        @Override
        public void close() {
            rotary.close();
            factory.close();
            close.run();
        }
    }

    /// One layer: attention and gated unit, each after a norm and added to its input.
    private static final class Block {
        private final Shape shape;
        private final int index;
        private final Weight inputNorm;
        private final List<LinearLayer> queryKeyValue;
        private final LinearLayer output;
        private final Weight postAttentionNorm;
        private final List<LinearLayer> gateUp;
        private final LinearLayer down;

        Block(Shape shape, int index, NamedTensors source, LinearFactory factory) {
            this.shape = shape;
            this.index = index;
            String prefix = "model.layers." + index + ".";
            this.inputNorm = factory.weight(prefix + "input_layernorm.weight", source);
            this.queryKeyValue = List.of(
                    factory.linear(prefix + "self_attn.q_proj", source),
                    factory.linear(prefix + "self_attn.k_proj", source),
                    factory.linear(prefix + "self_attn.v_proj", source));
            this.output = factory.linear(prefix + "self_attn.o_proj", source);
            this.postAttentionNorm = factory.weight(prefix + "post_attention_layernorm.weight", source);
            this.gateUp = List.of(
                    factory.linear(prefix + "mlp.gate_proj", source), factory.linear(prefix + "mlp.up_proj", source));
            this.down = factory.linear(prefix + "mlp.down_proj", source);
        }

        Value forward(Tape tape, Value x, TokenRun run, RotaryTable.CosSin turn, Tensor slots) {
            Value attended = attention(tape, Operations.rmsNorm(tape, x, inputNorm, shape.epsilon), run, turn, slots);
            Value middle = Operations.add(tape, x, attended);
            Value normed = Operations.rmsNorm(tape, middle, postAttentionNorm, shape.epsilon);
            List<Value> gated = LinearLayer.forwardAll(tape, normed, gateUp);
            Value unit = Operations.swiGlu(tape, gated.get(0), gated.get(1));
            return Operations.add(tape, middle, down.forward(tape, unit));
        }

        private Value attention(Tape tape, Value x, TokenRun run, RotaryTable.CosSin turn, Tensor slots) {
            List<Value> projected = LinearLayer.forwardAll(tape, x, queryKeyValue);
            Value q = Operations.rope(tape, projected.get(0), shape.heads, turn.cos(), turn.sin());
            Value k = Operations.rope(tape, projected.get(1), shape.keyHeads, turn.cos(), turn.sin());
            Value v = Operations.splitHeads(tape, projected.get(2), shape.keyHeads);
            if (run.cached().isPresent()) {
                if (k.wantsGradient() || v.wantsGradient()) {
                    throw new IllegalStateException(
                            "gradients do not pass through a cache; run it with a silent tape, or without the cache");
                }
                KvCache.KeysAndValues all = run.cached().get().cache().put(index, k.data(), v.data(), slots);
                k = tape.constant(all.keys());
                v = tape.constant(all.values());
            }
            double scale = 1 / Math.sqrt(shape.headDim);
            return output.forward(tape, Attention.apply(tape, q, k, v, run.ranges(), scale));
        }
    }
}
