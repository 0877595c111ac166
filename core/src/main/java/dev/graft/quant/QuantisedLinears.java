package dev.graft.quant;

import dev.graft.autograd.Projection;
import dev.graft.autograd.Weight;
import dev.graft.nn.EmbeddingLayer;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/// Quantises a model's linear layers while it is built, one tensor at a time: beside what is packed
/// already, no more than one layer is in memory, mapped files included. Everything else another factory
/// makes.
///
/// {@snippet :
/// var adapters = new Adapters(new Lora(8, 16, 0, Targets.allLinear()), 42);
/// var qlora = adapters.over(new QuantisedLinears(LinearFactory.frozen(), new Nf4(true)));
/// }
///
/// A layer that its source packs already stays as it is.
public final class QuantisedLinears extends PackingFactory {
    private final QuantFormat format;
    private final Optional<DType> productType;
    private final Optional<List<String>> skipped;

    /// All linear layers but the output embedding.
    public QuantisedLinears(LinearFactory base, QuantFormat format) {
        this(base, format, Optional.empty(), Optional.empty());
    }

    /// @param skipped     modules left as they are, by Transformers' rules for `llm_int8_skip_modules`:
    ///                    by the beginning or end of their name, or a regular expression for the
    ///                    beginning. Without a list that is the output embedding; with one, it is what
    ///                    the list says.
    /// @param productType type of the products with quantised weights (`bnb_4bit_compute_dtype`); without it,
    ///                    that of the layers
    public QuantisedLinears(
            LinearFactory base, QuantFormat format, Optional<List<String>> skipped, Optional<DType> productType) {
        super(base);
        this.format = format;
        this.skipped = skipped.map(List::copyOf);
        this.productType = productType;
    }

    @Override
    public LinearLayer linear(String name, NamedTensors source) {
        return skips(name)
                ? base.linear(name, source)
                : quantised(name, source).orElseGet(() -> base.linear(name, source));
    }

    @Override
    public LinearLayer head(String name, Optional<EmbeddingLayer> tied, NamedTensors source) {
        boolean leave = tied.isPresent() || skipped.isEmpty() || skips(name);
        return leave
                ? base.head(name, tied, source)
                : quantised(name, source).orElseGet(() -> base.head(name, tied, source));
    }

    private boolean skips(String module) {
        return skipped.stream().flatMap(List::stream).anyMatch(key -> BitsAndBytesConfig.matches(key, module));
    }

    private Optional<LinearLayer> quantised(String name, NamedTensors source) {
        String tensor = name + ".weight";
        if (source.isPacked(tensor)) {
            return Optional.empty();
        }
        Weight weight = packed(tensor, source, productType.orElse(source.computeType()), () -> {
            Tensor values = source.computed(tensor);
            Quantised quantised = format.quantise(source.layout(name).transposed() ? values.t() : values);
            source.unload(tensor);
            return quantised;
        });
        return Optional.of(LinearLayer.of(new Projection(weight, base.bias(name, source), List.of())));
    }
}
