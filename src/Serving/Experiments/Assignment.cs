using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Serving.Experiments;

/// <summary>A way to answer: what an experiment compares.</summary>
public enum Arm
{
    /// <summary>The best of N answers of the anchor.</summary>
    BestOfN,

    /// <summary>One answer of the distilled policy.</summary>
    Distilled,
}

/// <summary>Which arm "auto" stands for in one request, and with which odds that was drawn. Immutable.</summary>
/// <param name="Experiment">What is compared with Best-of-N, "name@version"; keys are drawn anew for every experiment.</param>
/// <param name="Arm">The arm that answers.</param>
/// <param name="DistilledShare">Share of keys that the distilled arm gets, 0 to 1.</param>
/// <param name="Key">Digest of experiment and key, 16 hex digits: tells callers apart without naming them.</param>
public sealed record Assignment(string Experiment, Arm Arm, double DistilledShare, string Key)
{
    /// <summary>
    /// A key gets the same arm in the whole experiment; when the share grows, keys that had the distilled arm keep it. Pure.
    /// </summary>
    /// <param name="key">What stays the same over the requests of one user.</param>
    /// <param name="experiment">Names the experiment.</param>
    /// <param name="distilledShare">0 to 1.</param>
    public static Assignment Of(string key, string experiment, double distilledShare)
    {
        var digest = DigestOf($"{experiment}\n{key}");
        return new Assignment(experiment, PlaceOf(digest) < distilledShare ? Arm.Distilled : Arm.BestOfN, distilledShare, Convert.ToHexStringLower(digest, 8, 8));
    }

    /// <summary>Whether a key is in a share of all keys: always or never. Pure.</summary>
    public static bool IsIn(string key, double share) => PlaceOf(DigestOf(key)) < share;

    private static byte[] DigestOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>Uniform in [0, 1).</summary>
    private static double PlaceOf(byte[] digest) => BinaryPrimitives.ReadUInt64BigEndian(digest) / Math.Pow(2, 64);
}
