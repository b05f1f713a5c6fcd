namespace Serving.Inference;

/// <summary>
/// Philox4x32-10 (Salmon et al., SC 2011): random bits as a pure function of key and counter, so a draw depends on the candidate's seed and the
/// token's position, and on nothing that ran before it.
/// </summary>
public static class CounterRandom
{
    private const int Rounds = 10;

    /// <summary>
    /// The seed of one candidate: the request's own for candidate 0, so that a lone request with it draws this candidate; for the others 53 bits, which
    /// JSON readers keep exactly.
    /// </summary>
    /// <param name="seed">Of the request.</param>
    /// <param name="candidate">Index of the candidate.</param>
    public static ulong ChildSeed(ulong seed, int candidate) => candidate == 0 ? seed : Bits53(seed, 0, (uint)candidate);

    /// <summary>A uniform number in [0, 1) with 53 random bits.</summary>
    /// <param name="seed">Of the candidate.</param>
    /// <param name="position">Number of the token within the answer, from 0.</param>
    public static double Uniform(ulong seed, int position) => Bits53(seed, (uint)position, 0) * (1.0 / (1UL << 53));

    private static ulong Bits53(ulong seed, uint position, uint child)
    {
        var (a, b, _, _) = Block(position, child, 0, 0, (uint)seed, (uint)(seed >> 32));
        return (((ulong)a << 32) | b) >> 11;
    }

    internal static (uint A, uint B, uint C, uint D) Block(uint a, uint b, uint c, uint d, uint lowKey, uint highKey)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var first = 0xD2511F53UL * a;
            var second = 0xCD9E8D57UL * c;
            (a, b, c, d) = ((uint)(second >> 32) ^ b ^ lowKey, (uint)second, (uint)(first >> 32) ^ d ^ highKey, (uint)first);
            unchecked
            {
                lowKey += 0x9E3779B9;
                highKey += 0xBB67AE85;
            }
        }

        return (a, b, c, d);
    }
}
