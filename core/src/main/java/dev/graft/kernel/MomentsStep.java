package dev.graft.kernel;

/// The numbers of one step of [QuantKernels#adamWInPlace] that are the same for all elements.
///
/// @param scale   of the gradient
/// @param rest1   1 − beta1
/// @param rest2   1 − beta2
/// @param rate    −lr · sqrt(1 − beta2^step) / (1 − beta1^step)
/// @param epsilon epsilon · sqrt(1 − beta2^step)
/// @param keep    1 − lr · decay
record MomentsStep(
        float scale, float beta1, float rest1, float beta2, float rest2, float rate, float epsilon, float keep) {
    static MomentsStep of(Kernels.AdamW settings, long step, double gradientScale) {
        float beta1 = (float) settings.beta1();
        float beta2 = (float) settings.beta2();
        double correct1 = 1 - Math.pow(settings.beta1(), step);
        double correct2 = Math.sqrt(1 - Math.pow(settings.beta2(), step));
        return new MomentsStep(
                (float) gradientScale,
                beta1,
                1 - beta1,
                beta2,
                1 - beta2,
                (float) (-settings.learningRate() * correct2 / correct1),
                (float) (settings.epsilon() * correct2),
                (float) (1 - settings.learningRate() * settings.weightDecay()));
    }
}
