package dev.graft.export;

/// How the changes of several adapters become one. PEFT's names; all of them work on the changes themselves,
/// `ΔW = s·B·A`, where PEFT's work on `A` and `B` one by one, which is no merge of what the adapters do.
public enum MergeMethod {
    /// `Σ weight · ΔW`.
    LINEAR,
    /// Trim each change to its largest elements, elect a sign for each element, and take the mean of the
    /// weighted changes of that sign. Yadav et al. 2023, <https://arxiv.org/abs/2306.01708>.
    TIES,
    /// Drop elements at random, scale up what is left, and add. Yu et al. 2023,
    /// <https://arxiv.org/abs/2311.03099>.
    DARE_LINEAR,
    /// Drop at random, scale up, then elect signs as [#TIES] does.
    DARE_TIES;

    boolean trims() {
        return this == TIES;
    }

    boolean drops() {
        return this == DARE_LINEAR || this == DARE_TIES;
    }

    boolean electsSigns() {
        return this == TIES || this == DARE_TIES;
    }

    /// Whether `density` means something to it.
    public boolean isSparse() {
        return trims() || drops();
    }

    /// How the sign of an element is elected: PEFT's `majority_sign_method`.
    public enum Signs {
        /// The sign of the sum of what is left of the changes.
        TOTAL,
        /// The sign that more of them have.
        FREQUENCY
    }
}
