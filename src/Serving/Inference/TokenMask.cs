namespace Serving.Inference;

/// <summary>
/// Which tokens may come next in a constrained answer, and how many bytes would then still be missing. Filled once; engine thread only.
/// </summary>
internal sealed class TokenMask
{
    /// <summary>The token may not come.</summary>
    public const ushort Barred = ushort.MaxValue;

    private readonly ushort[] _missing;
    private ushort _least = Barred;

    public TokenMask(int vocabularySize)
    {
        _missing = new ushort[vocabularySize];
        Array.Fill(_missing, Barred);
    }

    /// <summary>Whether any token may come.</summary>
    public bool Any => _least != Barred;

    /// <param name="token">A token that may come.</param>
    /// <param name="missing">Bytes that its text then lacks at least.</param>
    public void Allow(int token, int missing)
    {
        _missing[token] = (ushort)Math.Min(missing, Barred - 1);
        _least = Math.Min(_least, _missing[token]);
    }

    /// <summary>
    /// Rules out the others. Tokens behind which the answer could not be finished any more count as others, as long as there are any behind which it
    /// could: a token always brings a byte at least.
    /// </summary>
    /// <param name="logits">[V]; changed in place.</param>
    /// <param name="left">Tokens that may still come behind this one.</param>
    public void Apply(Span<float> logits, int left)
    {
        var most = _least <= left ? Math.Min(left, Barred - 1) : Barred - 1;
        for (var i = 0; i < logits.Length; i++)
        {
            logits[i] = _missing[i] <= most ? logits[i] : float.NegativeInfinity;
        }
    }
}
