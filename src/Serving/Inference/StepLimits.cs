using Serving.Models;

namespace Serving.Inference;

/// <summary>What a decoder's buffers can hold.</summary>
internal static class StepLimits
{
    /// <summary>Most tokens of one step: a token of every row and a piece of a prompt.</summary>
    public static int Tokens(InferenceOptions options) => options.Slots + options.PrefillChunk;

    /// <summary>Logits are handed out as one span.</summary>
    /// <exception cref="ModelException">Logits of a largest step do not fit into one; the message says what to lower.</exception>
    public static void Require(string path, int vocabulary, InferenceOptions options)
    {
        if ((long)Tokens(options) * vocabulary > int.MaxValue)
        {
            throw new ModelException(
                $"{path}: logits of {options.Slots} + {options.PrefillChunk} tokens do not fit into one buffer; lower "
                + $"{InferenceOptions.Section}:{nameof(options.PrefillChunk)}.");
        }
    }
}
