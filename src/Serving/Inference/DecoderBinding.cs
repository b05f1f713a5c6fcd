using Microsoft.ML.OnnxRuntime;

namespace Serving.Inference;

/// <summary>One set of bound inputs and outputs of a decoder session, with the tensor views that it keeps alive.</summary>
internal sealed class DecoderBinding(InferenceSession session) : IDisposable
{
    private readonly List<OrtValue> _owned = [];

    public OrtIoBinding Native { get; } = session.CreateIoBinding();

    public OrtValue Own(OrtValue value)
    {
        _owned.Add(value);
        return value;
    }

    /// <summary>Binds what depends on the number of tokens.</summary>
    public void Attach(OrtValue tokens, OrtValue logitRows, OrtValue logits)
    {
        Native.BindInput("input_ids", tokens);
        Native.BindInput("logit_rows", logitRows);
        Native.BindOutput("logits", logits);
    }

    public void Dispose()
    {
        Native.Dispose();
        _owned.ForEach(value => value.Dispose());
    }
}
