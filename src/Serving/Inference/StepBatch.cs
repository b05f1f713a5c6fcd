namespace Serving.Inference;

/// <summary>The tokens of one engine step. Filled anew for each step; engine thread only.</summary>
internal sealed class StepBatch(int tokens)
{
    private readonly RowTokens[] _runs = new RowTokens[tokens];
    private readonly int[] _tokens = new int[tokens];
    private readonly int[] _logitPositions = new int[tokens];
    private int _runCount;
    private int _logitCount;

    public int Tokens { get; private set; }

    public void Begin() => (_runCount, Tokens, _logitCount) = (0, 0, 0);

    /// <summary>Adds the next tokens of a row; the last <paramref name="logits"/> of them get logits.</summary>
    public void Add(int row, ReadOnlySpan<int> tokens, int logits)
    {
        _runs[_runCount++] = new RowTokens(row, tokens.Length);
        tokens.CopyTo(_tokens.AsSpan(Tokens));
        Tokens += tokens.Length;
        for (var i = Tokens - logits; i < Tokens; i++)
        {
            _logitPositions[_logitCount++] = i;
        }
    }

    public void Add(int row, int token)
    {
        _runs[_runCount++] = new RowTokens(row, 1);
        _logitPositions[_logitCount++] = Tokens;
        _tokens[Tokens++] = token;
    }

    /// <summary>Logits of the tokens that get some, in their order.</summary>
    public ReadOnlySpan<float> Run(IDecoder decoder)
    {
        if (_logitCount == 0)
        {
            _logitPositions[_logitCount++] = Tokens - 1;     // a decoder always gives some
        }

        return decoder.Run(_runs.AsSpan(0, _runCount), _tokens.AsSpan(0, Tokens), _logitPositions.AsSpan(0, _logitCount));
    }
}
