package dev.graft.bench;

import dev.graft.autograd.Tape;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.KvCache;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.TokenRun;
import dev.graft.quant.Int8Head;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.train.ProcessMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Tokens a second when one sequence is written greedily, with random weights, and the bytes of weights
/// a second that they amount to, beside what memory gives in the same run.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
///     dev.graft.bench.DecodeBenchmark 0.5B|1B TOKENS VARIANT…
/// ```
/// Variants: `bf16`, `int8`, `nf4`, `nf4-double`, each also with `+head` for an output head in 8 bits.
public final class DecodeBenchmark {
    private static final int WARM_UP = 150;

    private DecodeBenchmark() {}

    public static void main(String[] args) throws IOException {
        Shapes shape = Shapes.named(args[0]);
        int tokens = Integer.parseInt(args[1]);
        System.out.println(Machine.line());
        for (String variant : Arrays.copyOfRange(args, 2, args.length)) {
            System.gc();
            Machine.forgetPeak();
            try (LanguageModel model =
                    Architectures.random(shape.directory(), factory(variant), Device.cpu(), DType.BF16, 1)) {
                long peak = ProcessMemory.peakResidentMegabytes().orElse(0);
                Tokens seconds = decode(model, tokens);
                double bandwidth = Machine.readBandwidth();
                report(shape, variant, seconds, bandwidth, peak);
            }
        }
        System.out.println(Machine.line());
    }

    private static LinearFactory factory(String variant) {
        LinearFactory frozen = LinearFactory.frozen();
        LinearFactory layers = switch (variant.replace("+head", "")) {
            case "bf16" -> frozen;
            case "int8" -> new QuantisedLinears(frozen, new Int8Rows());
            case "nf4" -> new QuantisedLinears(frozen, new Nf4(false));
            case "nf4-double" -> new QuantisedLinears(frozen, new Nf4(true));
            default -> throw new IllegalArgumentException("the variant is \"" + variant + "\"");
        };
        return variant.endsWith("+head") ? new Int8Head(layers) : layers;
    }

    /// Seconds of each token.
    ///
    /// @param alone those during which the host kept no processor from this machine
    private record Tokens(double[] all, double[] alone) {}

    private static Tokens decode(LanguageModel model, int tokens) {
        double[] seconds = new double[tokens];
        List<Double> alone = new ArrayList<>();
        int id = 1;
        try (KvCache cache = model.cache(tokens + WARM_UP)) {
            for (int position = 0; position < tokens + WARM_UP; position++) {
                long stolen = Machine.stolenTicks();
                long began = System.nanoTime();
                try (Scope scope = Scope.open();
                        Tape tape = Tape.silent(Device.cpu())) {
                    TokenRun run = TokenRun.inCache(new int[] {id}, new int[] {position}, new int[1], cache);
                    float[] logits =
                            model.logits(model.hidden(tape, run).data()).toFloats();
                    id = likeliest(logits);
                }
                if (position >= WARM_UP) {
                    double second = (System.nanoTime() - began) / 1e9;
                    seconds[position - WARM_UP] = second;
                    if (Machine.stolenTicks() == stolen) {
                        alone.add(second);
                    }
                }
            }
        }
        return new Tokens(
                seconds, alone.stream().mapToDouble(Double::doubleValue).toArray());
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    private static void report(Shapes shape, String variant, Tokens seconds, double bandwidth, long peak) {
        double linear = switch (variant.replace("+head", "")) {
            case "bf16" -> 2;
            case "int8" -> 1;
            case "nf4" -> 0.5 + 4.0 / 64;
            default -> 0.5 + 1.0 / 64 + 4.0 / 64 / 256;
        };
        double bytes = linear * shape.linear() + (variant.endsWith("+head") ? 1 : 2) * shape.head();
        double best = Arrays.stream(seconds.all).min().orElseThrow();
        System.out.printf(
                Locale.ROOT,
                "%-15s %.0f MB of weights a token; memory reads at %.1f GB/s; peak while loading %d MB%n",
                variant,
                bytes / 1e6,
                bandwidth,
                peak);
        print("median of %d tokens".formatted(seconds.all.length), Machine.median(seconds.all), bytes, bandwidth);
        if (seconds.alone.length > 0) {
            String those = "median of the %d that the host left alone".formatted(seconds.alone.length);
            print(those, Machine.median(seconds.alone), bytes, bandwidth);
        }
        print("best", best, bytes, bandwidth);
    }

    private static void print(String which, double second, double bytes, double bandwidth) {
        System.out.printf(
                Locale.ROOT,
                "  %s: %.1f tokens/s = %.1f GB/s, %.2f of it%n",
                which,
                1 / second,
                bytes / second / 1e9,
                bytes / second / 1e9 / bandwidth);
    }
}
