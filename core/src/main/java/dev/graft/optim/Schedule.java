package dev.graft.optim;

import java.util.List;

/// The learning rate of each optimizer step, as Transformers' schedules of the same names give it.
///
/// Steps count from 0: [#at] says the rate that step runs at. A warm-up of `w` steps climbs from 0, so
/// its first step runs at rate 0 and step `w` is the first at the peak.
public sealed interface Schedule {
    /// The same rate at every step: `constant`.
    record Constant(double rate) implements Schedule {
        public Constant {
            requireRate(rate);
        }

        @Override
        public double at(long step) {
            requireStep(step);
            return rate;
        }
    }

    /// A climb to the peak, then the same rate: `constant_with_warmup`.
    record ConstantWithWarmup(double peak, int warmupSteps) implements Schedule {
        public ConstantWithWarmup {
            requireRate(peak);
            requireWarmup(warmupSteps);
        }

        @Override
        public double at(long step) {
            return peak * (requireStep(step) < warmupSteps ? climbed(step, warmupSteps) : 1);
        }
    }

    /// A climb to the peak, then a straight line that would reach 0 at step `steps`: `linear`.
    record Linear(double peak, int warmupSteps, int steps) implements Schedule {
        public Linear {
            requireRate(peak);
            requireLength(warmupSteps, steps);
        }

        @Override
        public double at(long step) {
            if (requireStep(step) < warmupSteps) {
                return peak * climbed(step, warmupSteps);
            }
            return peak * Math.max(0, (double) (steps - step) / Math.max(1, steps - warmupSteps));
        }
    }

    /// A climb to the peak, then half a cosine wave that would reach 0 at step `steps`: `cosine`.
    record Cosine(double peak, int warmupSteps, int steps) implements Schedule {
        public Cosine {
            requireRate(peak);
            requireLength(warmupSteps, steps);
        }

        @Override
        public double at(long step) {
            if (requireStep(step) < warmupSteps) {
                return peak * climbed(step, warmupSteps);
            }
            // Transformers' wave would rise again after its end; ours stays at 0 there.
            double done = Math.min(1, (double) (step - warmupSteps) / Math.max(1, steps - warmupSteps));
            return peak * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * done)));
        }
    }

    /// The rate that an optimizer step runs at.
    ///
    /// @param step counted from 0
    double at(long step);

    /// The names that [#named] knows.
    static List<String> names() {
        return List.of("constant", "constant_with_warmup", "linear", "cosine");
    }

    /// The schedule of a name.
    ///
    /// @param name        one of [#names]
    /// @param peak        the highest rate
    /// @param warmupSteps steps of climbing to it, from 0
    /// @param steps       optimizer steps of the whole run, warm-up included
    static Schedule named(String name, double peak, int warmupSteps, int steps) {
        return switch (name) {
            case "constant" -> {
                if (warmupSteps != 0) {
                    throw new IllegalArgumentException(
                            "schedule \"constant\" has no warm-up, and %d warm-up steps were asked for; take \"constant_with_warmup\", or 0 warm-up steps"
                                    .formatted(warmupSteps));
                }
                yield new Constant(peak);
            }
            case "constant_with_warmup" -> new ConstantWithWarmup(peak, warmupSteps);
            case "linear" -> new Linear(peak, warmupSteps, steps);
            case "cosine" -> new Cosine(peak, warmupSteps, steps);
            default ->
                throw new IllegalArgumentException("there is no learning-rate schedule \"%s\"; expected one of %s"
                        .formatted(name, String.join(", ", names())));
        };
    }

    private static double climbed(long step, int warmupSteps) {
        return (double) step / warmupSteps;
    }

    private static long requireStep(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step is %d; steps count from 0".formatted(step));
        }
        return step;
    }

    private static void requireRate(double rate) {
        if (!(rate >= 0 && Double.isFinite(rate))) {
            throw new IllegalArgumentException(
                    "the learning rate is %s; expected a number of 0 or more, usually below 0.1".formatted(rate));
        }
    }

    private static void requireWarmup(int warmupSteps) {
        if (warmupSteps < 0) {
            throw new IllegalArgumentException("there are %d warm-up steps; expected 0 or more".formatted(warmupSteps));
        }
    }

    private static void requireLength(int warmupSteps, int steps) {
        requireWarmup(warmupSteps);
        if (steps < 1 || warmupSteps > steps) {
            throw new IllegalArgumentException(
                    "the schedule has %d steps, %d of them warm-up; expected at least 1 step and no more warm-up than steps"
                            .formatted(steps, warmupSteps));
        }
    }
}
