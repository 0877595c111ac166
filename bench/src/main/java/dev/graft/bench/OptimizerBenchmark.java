package dev.graft.bench;

import dev.graft.autograd.Parameter;
import dev.graft.optim.AdamW;
import dev.graft.optim.AdamWSettings;
import dev.graft.optim.Moments;
import dev.graft.optim.StateMemory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Time of one AdamW step with moments in 8 bits beside one with moments in float32, over the LoRA factors
/// (r = 16, all linear layers) of the 1B shape.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.OptimizerBenchmark [STEPS]
/// ```
public final class OptimizerBenchmark {
    private static final int RANK = 16;

    private OptimizerBenchmark() {}

    public static void main(String[] args) {
        int steps = args.length == 0 ? 20 : Integer.parseInt(args[0]);
        System.out.println(Machine.line());
        try (Scope scope = Scope.open()) {
            List<Parameter> parameters = factors();
            AdamW wide = adamW(parameters, new Moments.Float32());
            AdamW narrow = adamW(parameters, new Moments.EightBit());
            double[] ofWide = new double[steps];
            double[] ofNarrow = new double[steps];
            for (int i = -5; i < steps; i++) { // in turns; the first five warm up
                double a = seconds(wide);
                double b = seconds(narrow);
                if (i >= 0) {
                    ofWide[i] = a;
                    ofNarrow[i] = b;
                }
            }
            double median = Machine.median(ofNarrow) / Machine.median(ofWide);
            System.out.printf(
                    Locale.ROOT,
                    "AdamW over %.1f M values: float32 %.1f ms (%.0f MB of state), 8 bits %.1f ms (%.0f MB), ratio %.2f%n",
                    parameters.stream().mapToLong(Parameter::elements).sum() / 1e6,
                    1e3 * Machine.median(ofWide),
                    wide.stateBytes() / 1e6,
                    1e3 * Machine.median(ofNarrow),
                    narrow.stateBytes() / 1e6,
                    median);
            wide.close();
            narrow.close();
            parameters.forEach(Parameter::close);
        }
    }

    private static List<Parameter> factors() {
        List<Parameter> parameters = new ArrayList<>();
        Shapes.ONE.tensors().forEach((name, shape) -> {
            if (shape.length == 2 && name.startsWith("model.layers")) {
                parameters.add(parameter(name + ".a", RANK, shape[1]));
                parameters.add(parameter(name + ".b", shape[0], RANK));
            }
        });
        return parameters;
    }

    private static Parameter parameter(String name, long rows, long columns) {
        try (Scope scope = Scope.open()) {
            Tensor values = Tensor.full(0.01, DType.F32, Device.cpu(), rows, columns);
            Parameter parameter = new Parameter(name, values, DType.BF16);
            parameter.accumulate(values);
            return parameter;
        }
    }

    private static AdamW adamW(List<Parameter> parameters, Moments moments) {
        return new AdamW(parameters, AdamWSettings.defaults(), AdamW.everyParameter(), moments, StateMemory.ofDevice());
    }

    private static double seconds(AdamW optimizer) {
        long began = System.nanoTime();
        optimizer.step(1e-4, 1);
        return (System.nanoTime() - began) / 1e9;
    }
}
