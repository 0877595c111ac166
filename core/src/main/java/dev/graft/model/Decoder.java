package dev.graft.model;

import dev.graft.autograd.Operations;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.model.AttentionSpec.Heads;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.nn.RotaryTable;
import dev.graft.nn.Rotation;
import dev.graft.nn.TokenRun;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/// The model that a [DecoderSpec] describes: embedding, blocks, a last norm, and a head.
final class Decoder implements LanguageModel {
    private final ModelConfig config;
    private final DecoderSpec spec;
    private final DType computeType;
    private final Device device;
    private final EmbeddingLayer embedding;
    private final Optional<Weight> positions;
    private final double embeddingScale;
    private final List<Block> blocks;
    private final Layer norm;
    private final LinearLayer head;
    private final Map<Rotation, RotaryTable> rotations = new HashMap<>();
    private final List<Parameter> parameters;
    private final LinearFactory factory;
    private final Runnable close;

    /// Attention and what follows it.
    private record Block(Layer attention, Layer feedForward) {
        Value forward(Tape tape, Value x, Pass pass) {
            return feedForward.forward(tape, attention.forward(tape, x, pass), pass);
        }
    }

    /// @param close run when the model is closed; closes the source
    Decoder(ModelConfig config, DecoderSpec spec, NamedTensors source, LinearFactory factory, Runnable close) {
        this.config = config;
        this.spec = spec;
        this.computeType = source.computeType();
        this.device = source.device();
        this.embedding = factory.embedding(spec.embedding().module(), source);
        this.positions = spec.positions().map(table -> factory.weight(table.name(), source));
        this.embeddingScale = rounded(spec.embeddingScale(), computeType);
        this.blocks = spec.blocks().stream()
                .map(block -> new Block(
                        block.attention().build(source, factory),
                        block.feedForward().build(source, factory)))
                .toList();
        this.norm = spec.norm().build(source, factory);
        this.head = factory.head(
                spec.head().map(TensorSpec::module).orElse("lm_head"),
                spec.head().isPresent() ? Optional.empty() : Optional.of(embedding),
                source);
        spec.rotations().forEach(rotation -> rotations.put(rotation, new RotaryTable(rotation, device)));
        factory.complete();
        this.parameters = List.copyOf(factory.parameters());
        this.factory = factory;
        this.close = close;
    }

    private static double rounded(double value, DType type) {
        try (Scope scope = Scope.open()) {
            return Tensor.full(value, type, Device.cpu()).item();
        }
    }

    @Override
    public Value hidden(Tape tape, TokenRun run) {
        Pass pass = new Pass(run, rotations, device);
        Value x = embedded(tape, run);
        for (Block block : blocks) {
            x = tape.block(x, (t, input) -> block.forward(t, input, pass));
        }
        return norm.forward(tape, x, pass);
    }

    private Value embedded(Tape tape, TokenRun run) {
        Value x = embedding.forward(tape, Tensor.of(run.ids()).to(device), spec.padding());
        if (embeddingScale != 1) {
            x = Operations.scale(tape, x, embeddingScale);
        }
        if (positions.isPresent()) {
            requireRoom(run);
            Tensor rows = Tensor.of(run.positions()).to(device);
            x = Operations.add(tape, x, Operations.embedding(tape, positions.get(), rows, OptionalInt.empty()));
        }
        return x;
    }

    private void requireRoom(TokenRun run) {
        int longest = IntStream.of(run.positions()).max().orElse(0) + 1;
        if (longest > spec.maxPositions()) {
            throw new IllegalArgumentException(
                    "a document of %d tokens or more; this model has learnt %d positions and none beyond them. Cut it, or use a model made for longer ones."
                            .formatted(longest, spec.maxPositions()));
        }
    }

    @Override
    public KvCache cache(int slots) {
        Heads heads = spec.blocks().getFirst().heads().heads();
        return new KvCache(blocks.size(), heads.keys(), slots, heads.width(), computeType, device);
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
    public double logitSoftCap() {
        return spec.logitSoftCap();
    }

    @Override
    public int cacheHolds(int length) {
        return rotations.keySet().stream()
                .mapToInt(rotation -> rotation.sameUntil(length))
                .min()
                .orElse(Integer.MAX_VALUE);
    }

    @Override
    public int vocabularySize() {
        return spec.vocabularySize();
    }

    @Override
    public int maxPositions() {
        return spec.maxPositions();
    }

    @Override
    public List<Parameter> parameters() {
        return parameters;
    }

    @Override
    public long totalParameters() {
        return spec.tensors().stream().mapToLong(TensorSpec::elements).sum();
    }

    @Override
    public void close() {
        rotations.values().forEach(RotaryTable::close);
        factory.close();
        close.run();
    }
}
