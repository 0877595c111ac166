package dev.graft.peft;

import dev.graft.autograd.Embedding;
import dev.graft.autograd.LowRank;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.ReplacedRows;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.LinearLayout;
import dev.graft.nn.LinearLayout.Slice;
import dev.graft.nn.NamedTensors;
import dev.graft.peft.ModuleNames.Kind;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Puts adapters around the layers of another factory.
final class AdaptingFactory implements LinearFactory {
    private final Lora settings;
    private final AdaptedModel model;
    private final LinearFactory base;
    private final boolean fromFile;
    private Optional<String> embedding = Optional.empty();
    private Optional<ReplacedRows> rowsOfEmbedding = Optional.empty();

    AdaptingFactory(Lora settings, AdaptedModel model, LinearFactory base, boolean fromFile) {
        this.settings = settings;
        this.model = model;
        this.base = base;
        this.fromFile = fromFile;
    }

    // ---------------------------------------------------------------- linear layers

    @Override
    public LinearLayer linear(String name, NamedTensors source) {
        model.modules.add(name, Kind.LINEAR);
        LinearLayout layout = source.layout(name);
        if (layout.transposed()) {
            model.transposed.add(name);
        }
        layout.slice().ifPresent(slice -> model.slices.put(name, slice));
        LinearLayer layer = base.linear(name, source);
        long[] shape = source.linearShape(name);
        int out = Math.toIntExact(shape[0]);
        Slice slice = layout.slice().orElseGet(() -> new Slice(name + ".weight", 1, 0, out, 0));
        return settings.selection().takesParameter(slice.parameter())
                ? sliceAdapted(name, slice, layer, shape, source)
                : adapted(name, layer, shape, source, name + ".weight");
    }

    /// A layer whose weight `target_parameters` names, alone or stacked with others.
    private LinearLayer sliceAdapted(String name, Slice slice, LinearLayer layer, long[] shape, NamedTensors source) {
        boolean adapts = adapts(name);
        if (adapts || settings.extras().saves(name)) {
            throw new IllegalArgumentException(
                    "target_parameters names %s and %s names its layer %s; a matrix is trained one way"
                            .formatted(slice.parameter(), adapts ? "target_modules" : "modules_to_save", name));
        }
        if (model.transposed.contains(name)) {
            throw new IllegalArgumentException(
                    "target_parameters names %s, which is stored the other way round; name the layer in target_modules"
                            .formatted(slice.parameter()));
        }
        if (!fromFile) {
            settings.requireThatSortingChangesNothing(slice.parameter());
        }
        Projection plain = projection(name, layer);
        Optional<Weight> bias = plain.bias();
        if (bias.isPresent() && trainsBias(true)) {
            bias = Optional.of(model.trainBias(name, true, source));
        }
        LowRank change = model.adaptSlice(name, slice, shape, source);
        return new Switched(plain, new Projection(plain.weight(), bias, List.of(change), plain.replaced()));
    }

    private static Projection projection(String name, LinearLayer layer) {
        return layer.projection()
                .orElseThrow(() -> new IllegalStateException(name + " is no projection that LoRA could wrap"));
    }

    /// @param shape  of the layer's weight, `[out, in]`
    /// @param tensor the weight's name in the source
    private LinearLayer adapted(String name, LinearLayer layer, long[] shape, NamedTensors source, String tensor) {
        boolean adapts = adapts(name);
        Optional<List<Integer>> rows = settings.extras().tokens().ofModule(name);
        if (settings.extras().saves(name)) {
            requireNotBoth(name, adapts, rows);
            return whole(name, source, tensor);
        }
        if (!adapts && rows.isEmpty() && !trainsBias(false)) {
            return layer;
        }
        Projection plain = projection(name, layer);
        Optional<Weight> bias = plain.bias();
        if (bias.isPresent() && trainsBias(adapts)) {
            bias = Optional.of(model.trainBias(name, adapts, source));
        }
        List<LowRank> changes = adapts ? model.adaptLinear(name, plain.weight(), shape, source) : List.of();
        return new Switched(plain, new Projection(plain.weight(), bias, changes, plain.replaced()));
    }

    private LinearLayer whole(String name, NamedTensors source, String tensor) {
        model.unswitchable.add(name);
        Parameter weight = model.trainWhole(name + ".weight", source, tensor);
        Optional<Weight> bias = source.has(name + ".bias")
                ? Optional.of(model.trainWhole(name + ".bias", source, name + ".bias"))
                : Optional.empty();
        bias.ifPresent(b -> requireNoOtherBias(name));
        boolean transposed = model.transposed.contains(name);
        return LinearLayer.of(new Projection(transposed ? new Weight.Transposed(weight) : weight, bias, List.of()));
    }

    /// Whether the base's bias of a layer is trained.
    private boolean trainsBias(boolean adapts) {
        return settings.bias() == Lora.Bias.ALL || adapts && settings.bias() == Lora.Bias.LORA_ONLY;
    }

    private void requireNoOtherBias(String module) {
        if (settings.bias() == Lora.Bias.ALL) {
            throw new IllegalArgumentException(
                    "bias is \"all\" and modules_to_save holds %s, whose bias would then be stored twice; use bias \"lora_only\" or leave the module out"
                            .formatted(module));
        }
    }

    private boolean adapts(String name) {
        boolean adapts = settings.adapts(name);
        if (adapts && !fromFile) {
            settings.requireThatSortingChangesNothing(name);
        }
        return adapts;
    }

    private static void requireNotBoth(String name, boolean adapts, Optional<List<Integer>> rows) {
        if (adapts || rows.isPresent()) {
            throw new IllegalArgumentException(
                    "modules_to_save takes in %s, because a name in it is the end of that one or of a module around it; %s names it too, and a module is trained one way. Write longer names."
                            .formatted(name, adapts ? "target_modules" : "trainable_token_indices"));
        }
    }

    // ---------------------------------------------------------------- both ends of the model

    @Override
    public EmbeddingLayer embedding(String name, NamedTensors source) {
        model.modules.add(name, Kind.EMBEDDING);
        embedding = Optional.of(name);
        EmbeddingLayer layer = base.embedding(name, source);
        Weight table = layer.table();
        model.tables.put(name + ".base_layer.weight", table);
        boolean adapts = adapts(name) && !allLinear();
        Optional<List<Integer>> rows = settings.extras().tokens().ofEmbedding(name);
        if (settings.extras().saves(name)) {
            requireNotBoth(name, adapts, rows);
            model.unswitchable.add(name);
            Parameter own = model.trainWhole(name + ".weight", source, name + ".weight");
            return new SwitchedEmbedding(Embedding.of(own), Embedding.of(own), table);
        }
        model.tables.put(name + ".weight", table);
        if (adapts && rows.isPresent()) {
            throw new IllegalArgumentException(
                    "target_modules and trainable_token_indices both name %s; a module is trained one way"
                            .formatted(name));
        }
        Optional<LowRank> change = adapts
                ? Optional.of(model.adaptEmbedding(name, table, source.shape(name + ".weight"), source))
                : Optional.empty();
        rowsOfEmbedding = rows.map(r -> model.trainRows(name, r, table, source));
        if (change.isEmpty() && rows.isEmpty()) {
            return layer;
        }
        return new SwitchedEmbedding(Embedding.of(table), new Embedding(table, change, rowsOfEmbedding), table);
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        model.modules.add(name, Kind.HEAD);
        model.head = Optional.of(name);
        model.tiedTo = tied.isPresent() ? embedding : Optional.empty();
        String tensor = model.tiedTo.orElse(name) + ".weight";
        LinearLayer layer = base.head(name, tied, source);
        Weight table = layer.projection().orElseThrow().weight();
        model.tables.put(name + ".base_layer.weight", table);
        if (tied.isPresent()) {
            Optional<LinearLayer> shared = stillTied(name, layer, source);
            if (shared.isPresent()) {
                return shared.get();
            }
        }
        model.staysTied = false;
        if (!settings.extras().saves(name)) {
            model.tables.put(name + ".weight", table);
        }
        Optional<List<Integer>> rows = settings.extras().tokens().ofModule(name);
        if (rows.isPresent() && !settings.extras().saves(name)) {
            if (adapts(name) && !allLinear()) {
                throw new IllegalArgumentException(
                        "target_modules and trainable_token_indices both name %s; a module is trained one way"
                                .formatted(name));
            }
            return withRows(layer, name, model.trainRows(name, rows.get(), table, source), source);
        }
        if (allLinear() && !settings.extras().saves(name) && !trainsBias(false)) {
            return layer;
        }
        return adapted(name, layer, source.shape(tensor), source, tensor);
    }

    /// The head of a model that shares the embedding's table, where what the embedding became is shared
    /// as well.
    private Optional<LinearLayer> stillTied(String name, LinearLayer layer, NamedTensors source) {
        Extras extras = settings.extras();
        String table = model.tiedTo.orElseThrow();
        boolean named = extras.saves(name) || extras.saves(table);
        boolean adapts = !allLinear() && (adapts(name) || adapts(table));
        if (extras.ensureWeightTying() && adapts) {
            throw new IllegalArgumentException(
                    "ensure_weight_tying is true and target_modules names the embedding or the head; PEFT then trains one pair of factors through two optimizer states. Leave ensure_weight_tying out, or name the embedding in modules_to_save or trainable_token_indices instead");
        }
        if (extras.ensureWeightTying() && named) {
            if (!model.saved.containsKey(table + ".weight")) {
                throw new IllegalArgumentException(
                        "ensure_weight_tying is true and modules_to_save names %s; name the embedding, %s, whose table it shares"
                                .formatted(name, table));
            }
            Parameter shared = model.saved.get(table + ".weight");
            model.keys.put(name + ".weight", shared);
            return Optional.of(LinearLayer.of(Projection.of(shared)));
        }
        Optional<List<Integer>> own = extras.tokens().ofModule(name);
        boolean sameRows = own.isEmpty() || own.equals(extras.tokens().ofEmbedding(table));
        if (rowsOfEmbedding.isEmpty() || !sameRows) {
            if (rowsOfEmbedding.isPresent() && extras.ensureWeightTying()) {
                throw new IllegalArgumentException(
                        "ensure_weight_tying is true, but trainable_token_indices names other tokens for %s than for %s"
                                .formatted(name, table));
            }
            return Optional.empty();
        }
        if (adapts || named) {
            throw new IllegalArgumentException(
                    "trainable_token_indices names tokens of %s, which %s shares; %s cannot be named in target_modules or modules_to_save as well"
                            .formatted(table, name, name));
        }
        return Optional.of(withRows(layer, name, rowsOfEmbedding.get(), source));
    }

    private LinearLayer withRows(LinearLayer layer, String name, ReplacedRows rows, NamedTensors source) {
        Projection plain = layer.projection().orElseThrow();
        if (plain.bias().isPresent()) {
            throw new IllegalArgumentException(
                    "trainable_token_indices names rows of %s, which has a bias; PEFT drops it there, so Graft does not go on"
                            .formatted(name));
        }
        return new Switched(plain, new Projection(plain.weight(), plain.bias(), List.of(), Optional.of(rows)));
    }

    private boolean allLinear() {
        return settings.selection().targets() instanceof Targets.AllLinear;
    }

    // ---------------------------------------------------------------- other weights

    @Override
    public Weight weight(String tensor, NamedTensors source) {
        String module = tensor.replaceFirst("\\.(weight|bias)$", "");
        boolean isBias = tensor.endsWith(".bias");
        model.modules.add(module, Kind.OTHER);
        if (settings.extras().saves(module)) {
            if (isBias) {
                requireNoOtherBias(module);
            }
            model.unswitchable.add(module);
            return model.trainWhole(tensor, source, tensor);
        }
        if (isBias && settings.bias() == Lora.Bias.ALL) {
            model.unswitchable.add(module);
            return model.trainBias(module, false, source);
        }
        return base.weight(tensor, source);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> all = new ArrayList<>(base.parameters());
        all.addAll(model.parameters());
        return all;
    }

    @Override
    public void complete() {
        base.complete();
        model.nameStacked();
        new SettingsCheck(settings, model).run(fromFile);
    }

    @Override
    public void close() {
        base.close();
        model.close();
    }

    /// A base layer and what became of it.
    private final class Switched implements LinearLayer {
        private final Projection plain;
        private final Projection changed;

        Switched(Projection plain, Projection changed) {
            this.plain = plain;
            this.changed = changed;
        }

        @Override
        public Value forward(Tape tape, Value x) {
            return Projection.apply(tape, x, model.enabled ? changed : plain);
        }

        @Override
        public Optional<Projection> projection() {
            return Optional.of(model.enabled ? changed : plain);
        }
    }

    /// The same for the embedding.
    ///
    /// @param table of the base, which a head shares whatever became of the embedding
    private final class SwitchedEmbedding implements EmbeddingLayer {
        private final Embedding plain;
        private final Embedding changed;
        private final Weight table;

        SwitchedEmbedding(Embedding plain, Embedding changed, Weight table) {
            this.plain = plain;
            this.changed = changed;
            this.table = table;
        }

        @Override
        public Value forward(Tape tape, Tensor ids, OptionalInt padding) {
            return Embedding.apply(tape, model.enabled ? changed : plain, ids, padding);
        }

        @Override
        public Weight table() {
            return table;
        }
    }
}
