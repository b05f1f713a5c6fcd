namespace Serving.Inference;

/// <summary>
/// Philox4x32-10 (Salmon et al., SC 2011): random bits as a pure function of key and counter, so a draw depends on the request's seed, the
/// candidate's index and the token's position, and on nothing that ran before it.
/// </summary>
public static class CounterRandom
{
    private const int Rounds = 10;

    /// <summary>A uniform number in [0, 1) with 53 random bits.</summary>
    /// <param name="seed">Of the request.</param>
    /// <param name="candidate">Index of the candidate.</param>
    /// <param name="position">Number of the token within the answer, from 0.</param>
    public static double Uniform(ulong seed, int candidate, int position)
    {
        var (a, b, _, _) = Block((uint)position, (uint)candidate, 0, 0, (uint)seed, (uint)(seed >> 32));
        return ((((ulong)a << 32) | b) >> 11) * (1.0 / (1UL << 53));
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
