package dev.graft.peft;

import dev.graft.autograd.LowRank;
import dev.graft.autograd.Magnitude;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.RowNorms;
import dev.graft.autograd.Weight;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The adapters of one model: made while the model is built, trained with it, saved beside it.
///
/// ```java
/// var adapters = new Adapters(new Lora(8, 16, 0.05, Targets.allLinear()), 42);
/// var model = Architectures.load(directory, adapters.over(LinearFactory.frozen()), Device.cpu(),
/// DType.BF16); …
/// adapters.save(Path.of("adapter"), "base-model-name");
/// ```
public final class Adapters {
    private final Lora settings;
    private final boolean fromFile;
    private final AdaptedModel model;

    /// A tensor that differs from the base model's when the adapter is folded in.
    ///
    /// @param name   in the files of the merged model
    /// @param base   tensor of the base model it comes from: itself, or the table that a head shared
    /// @param change what happens to it
    public record ChangedTensor(String name, String base, TensorChange change) {}

    /// The learnt change of one matrix, and what the matrix is with it: `W + s·B·A`, or, where magnitudes are
    /// learnt apart (DoRA), `m ⊙ (W + s·B·A) / ‖W + s·B·A‖`.
    ///
    /// Of a linear layer `W` is `[out, in]`, `A` `[r, in]`, `B` `[out, r]`, `m` `[out]`, and the norms are
    /// those of rows. Of an embedding `W` is `[vocab, width]`, `A` `[r, vocab]`, `B` `[width, r]`, the
    /// product is transposed, `m` is `[width]`, and the norms are those of columns.
    ///
    /// @param scale     `s`, from alpha and rank of this layer
    /// @param bias      `[out]`, learnt with `B` (`lora_bias`); the layer's bias grows by `s` times it
    /// @param magnitude `m`
    /// @param norms     what it is compared with
    /// @param embedding whether the matrix is an embedding table
    /// @param start     factors whose product the change is without, since it was there before (`pissa`,
    ///                  `olora`)
    public record Adapted(
            Parameter a,
            Parameter b,
            double scale,
            Optional<Parameter> bias,
            Optional<Parameter> magnitude,
            Optional<RowNorms> norms,
            boolean embedding,
            Optional<StartingFactors> start) {
        /// Of the change: twice that of `a` where it is without what was there before.
        public long rank() {
            return a.master().size(0) * (start.isPresent() ? 2 : 1);
        }

        /// The first factor of the change as a whole: `A`, or `[A; A₀]`. Float32.
        public Tensor factorA() {
            return start.map(s -> Tensor.cat(List.of(a.master(), s.a()), 0)).orElseGet(a::master);
        }

        /// The second: `B`, or `[B, −B₀]`.
        public Tensor factorB() {
            return start.map(s -> Tensor.cat(List.of(b.master(), s.b().neg()), 1))
                    .orElseGet(b::master);
        }

        /// `s·B·A` in the shape of the matrix, float32.
        public Tensor product() {
            return product(0, (embedding ? a.master().size(1) : b.master().size(0)));
        }

        /// Some rows of it.
        private Tensor product(long from, long rows) {
            Tensor product = embedding
                    ? a.master().narrow(1, from, rows).t().mm(b.master().t())
                    : b.master().narrow(0, from, rows).mm(a.master());
            start.ifPresent(s -> product.addInPlace(s.product(from, rows), -1));
            return product.mulInPlace(scale);
        }

        /// The matrix that does the work of `w` and its change, exactly: float32, computed in float32.
        ///
        /// @param w    rows of the matrix as stored, any floating type
        /// @param from number of the first of them
        Tensor merged(Tensor w, long from) {
            Tensor sum = w.to(DType.F32).add(product(from, w.size(0)));
            if (magnitude.isEmpty()) {
                return sum;
            }
            Tensor gain = magnitude.get().master().div(norms.orElseThrow().value());
            return sum.mul(embedding ? gain : gain.narrow(0, from, w.size(0)).unsqueeze(1));
        }

        /// The same of the whole matrix.
        public Tensor merged(Tensor w) {
            return merged(w, 0);
        }

        /// What the change adds to some rows of `w`, exactly: `s·B·A`, or [#merged] less `w`. Float32.
        ///
        /// @param from number of the first of them
        Tensor delta(Tensor w, long from) {
            return magnitude.isEmpty()
                    ? product(from, w.size(0))
                    : merged(w, from).sub(w.to(DType.F32));
        }

        /// The change as layers compute with it.
        ///
        /// @param magnitudes the factors' magnitude with the norms it is compared with
        LowRank lowRank(double dropout, int id, Optional<Magnitude> magnitudes) {
            return new LowRank(a, b, scale, dropout, id, bias.map(Weight.class::cast), magnitudes);
        }
    }

    /// @param seed of the initial factors; each layer's depend on the seed and its name alone
    public Adapters(Lora settings, long seed) {
        this(settings, seed, false);
    }

    private Adapters(Lora settings, long seed, boolean fromFile) {
        this.settings = settings;
        this.fromFile = fromFile;
        this.model = new AdaptedModel(settings, seed);
    }

    /// Adapters with the settings of a PEFT adapter directory. Build the model [over][#over] them, then
    /// [#load].
    public static Adapters read(Path directory) {
        return new Adapters(AdapterConfigReader.read(directory), 0, true);
    }

    /// What they were made with, or read from a file.
    public Lora settings() {
        return settings;
    }

    /// Adapted layers by name, in the order of the model.
    public Map<String, Adapted> adapted() {
        return Collections.unmodifiableMap(model.adapted);
    }

    /// Tensors of `modules_to_save`, trained whole, by full name.
    public Map<String, Parameter> saved() {
        return Collections.unmodifiableMap(model.saved);
    }

    /// Everything that folding the adapter into its base changes, with the arithmetic of each. When the head
    /// shared the embedding's table and does so no longer, it is among them under its own name.
    public List<ChangedTensor> changes() {
        return model.changes();
    }

    /// Switches the adapters off or on again; off, the model computes exactly what its base computes.
    public void enable(boolean on) {
        if (!on && !model.unswitchable.isEmpty()) {
            throw new IllegalStateException(
                    "these adapters also hold whole modules (%s), which cannot be switched off; load the base model instead"
                            .formatted(String.join(", ", model.unswitchable)));
        }
        model.enabled = on;
    }

    /// Wraps adapters around the layers of another factory.
    public LinearFactory over(LinearFactory base) {
        return new AdaptingFactory(settings, model, base, fromFile);
    }

    /// Writes a PEFT adapter directory (`adapter_config.json`, `adapter_model.safetensors`). Factors that
    /// began as a part of the base are written beside those they began with, as PEFT's
    /// `path_initial_model_for_weight_conversion` does: an ordinary adapter of the untouched base, of twice
    /// the rank.
    ///
    /// It writes no `graft.json`: what that says of the base's files, tokenizer and template only the one who
    /// opened them knows. Who has them writes an [Origin] beside, as `graft train` does; without it no
    /// command can tell a wrong base from the right one.
    ///
    /// @param baseModel name or path of the base model, for `base_model_name_or_path`
    public void save(Path directory, String baseModel) {
        AdapterFiles.save(directory, settings, model, baseModel);
    }

    /// Reads factors from a PEFT adapter directory that was made with these settings for this model.
    public void load(Path directory) {
        AdapterFiles.load(directory, settings, model);
    }
}
