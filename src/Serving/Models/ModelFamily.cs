namespace Serving.Models;

/// <summary>The decoder families that we serve, by the model_type of a Hugging Face config.json. What each adds to a plain Llama is said here.</summary>
public enum ModelFamily
{
    /// <summary>"llama": RMS norms, rotary positions, gated SiLU feed-forward, grouped queries; every TinyLlama, SmolLM and the like.</summary>
    Llama,

    /// <summary>"mistral": a Llama whose attention sees a window; served up to the window's length, within which the two are the same.</summary>
    Mistral,

    /// <summary>"qwen2": the query, key and value projections have biases.</summary>
    Qwen2,

    /// <summary>"qwen3": every query and key head is RMS-normed before rotation.</summary>
    Qwen3,

    /// <summary>"gemma": embeddings times sqrt(hidden_size), norms that multiply by 1 + w, GELU instead of SiLU. The first Gemma, not 2 or 3.</summary>
    Gemma,
}
