using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Serving.Kernels;

/// <summary>
/// The inner loops of attention over one page: for four query rows, so that what is loaded serves four times, and for one. Both forms do the same additions in
/// the same order for a row, so it does not matter in which company a row is.
/// </summary>
internal static unsafe class PageTiles
{
    /// <summary>Query rows of the larger form.</summary>
    public const int Rows = 4;

    /// <summary>Dimensions that one pass over the values covers.</summary>
    public const int Width = 4 * Lanes;

    private const int Lanes = KvPages.PageTokens;

    /// <summary>Four rows' scores of a page's 16 tokens. Dimensions go to four sums by turns, here and in the lone row below alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score<T>(T* keys, float* qa, float* qb, float* qc, float* qd, int headDimension, float* a, float* b, float* c, float* d)
        where T : unmanaged
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (var i = 0; i < headDimension; i += 4)
        {
            var key = KvNumbers.Load(keys + (i * Lanes));
            a0 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i]), key, a0);
            b0 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i]), key, b0);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i]), key, c0);
            d0 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i]), key, d0);
            key = KvNumbers.Load(keys + ((i + 1) * Lanes));
            a1 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 1]), key, a1);
            b1 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 1]), key, b1);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 1]), key, c1);
            d1 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 1]), key, d1);
            key = KvNumbers.Load(keys + ((i + 2) * Lanes));
            a2 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 2]), key, a2);
            b2 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 2]), key, b2);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 2]), key, c2);
            d2 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 2]), key, d2);
            key = KvNumbers.Load(keys + ((i + 3) * Lanes));
            a3 = Vector512.FusedMultiplyAdd(Vector512.Create(qa[i + 3]), key, a3);
            b3 = Vector512.FusedMultiplyAdd(Vector512.Create(qb[i + 3]), key, b3);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(qc[i + 3]), key, c3);
            d3 = Vector512.FusedMultiplyAdd(Vector512.Create(qd[i + 3]), key, d3);
        }

        ((a0 + a1) + (a2 + a3)).Store(a);
        ((b0 + b1) + (b2 + b3)).Store(b);
        ((c0 + c1) + (c2 + c3)).Store(c);
        ((d0 + d1) + (d2 + d3)).Store(d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Score<T>(T* keys, float* query, int headDimension, float* scores)
        where T : unmanaged
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var i = 0; i < headDimension; i += 4)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i]), KvNumbers.Load(keys + (i * Lanes)), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 1]), KvNumbers.Load(keys + ((i + 1) * Lanes)), s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 2]), KvNumbers.Load(keys + ((i + 2) * Lanes)), s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i + 3]), KvNumbers.Load(keys + ((i + 3) * Lanes)), s3);
        }

        ((s0 + s1) + (s2 + s3)).Store(scores);
    }

    /// <summary>target += weights[j] * values[j] for j below <paramref name="seen"/>, in that order; 16 or 64 dimensions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<T>(T* values, float* weights, int seen, int headDimension, float* target, int width)
        where T : unmanaged
    {
        if (width == Lanes)
        {
            var sum = Vector512.Load(target);
            for (var j = 0; j < seen; j++)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[j]), KvNumbers.Load(values + (j * headDimension)), sum);
            }

            sum.Store(target);
            return;
        }

        var (s0, s1, s2, s3) = (Vector512.Load(target), Vector512.Load(target + 16), Vector512.Load(target + 32), Vector512.Load(target + 48));
        for (var j = 0; j < seen; j++)
        {
            var weight = Vector512.Create(weights[j]);
            var value = values + (j * headDimension);
            s0 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value), s0);
            s1 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 16), s1);
            s2 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 32), s2);
            s3 = Vector512.FusedMultiplyAdd(weight, KvNumbers.Load(value + 48), s3);
        }

        s0.Store(target);
        s1.Store(target + 16);
        s2.Store(target + 32);
        s3.Store(target + 48);
    }

    /// <summary>The same for four tokens that see the whole page, 64 dimensions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<T>(T* values, float* pa, float* pb, float* pc, float* pd, int headDimension, float* a, float* b, float* c, float* d)
        where T : unmanaged
    {
        var (a0, a1, a2, a3) = (Vector512.Load(a), Vector512.Load(a + 16), Vector512.Load(a + 32), Vector512.Load(a + 48));
        var (b0, b1, b2, b3) = (Vector512.Load(b), Vector512.Load(b + 16), Vector512.Load(b + 32), Vector512.Load(b + 48));
        var (c0, c1, c2, c3) = (Vector512.Load(c), Vector512.Load(c + 16), Vector512.Load(c + 32), Vector512.Load(c + 48));
        var (d0, d1, d2, d3) = (Vector512.Load(d), Vector512.Load(d + 16), Vector512.Load(d + 32), Vector512.Load(d + 48));
        for (var j = 0; j < Lanes; j++)
        {
            var value = values + (j * headDimension);
            var (v0, v1, v2, v3) = (KvNumbers.Load(value), KvNumbers.Load(value + 16), KvNumbers.Load(value + 32), KvNumbers.Load(value + 48));
            var weight = Vector512.Create(pa[j]);
            a0 = Vector512.FusedMultiplyAdd(weight, v0, a0);
            a1 = Vector512.FusedMultiplyAdd(weight, v1, a1);
            a2 = Vector512.FusedMultiplyAdd(weight, v2, a2);
            a3 = Vector512.FusedMultiplyAdd(weight, v3, a3);
            weight = Vector512.Create(pb[j]);
            b0 = Vector512.FusedMultiplyAdd(weight, v0, b0);
            b1 = Vector512.FusedMultiplyAdd(weight, v1, b1);
            b2 = Vector512.FusedMultiplyAdd(weight, v2, b2);
            b3 = Vector512.FusedMultiplyAdd(weight, v3, b3);
            weight = Vector512.Create(pc[j]);
            c0 = Vector512.FusedMultiplyAdd(weight, v0, c0);
            c1 = Vector512.FusedMultiplyAdd(weight, v1, c1);
            c2 = Vector512.FusedMultiplyAdd(weight, v2, c2);
            c3 = Vector512.FusedMultiplyAdd(weight, v3, c3);
            weight = Vector512.Create(pd[j]);
            d0 = Vector512.FusedMultiplyAdd(weight, v0, d0);
            d1 = Vector512.FusedMultiplyAdd(weight, v1, d1);
            d2 = Vector512.FusedMultiplyAdd(weight, v2, d2);
            d3 = Vector512.FusedMultiplyAdd(weight, v3, d3);
        }

        a0.Store(a);
        a1.Store(a + 16);
        a2.Store(a + 32);
        a3.Store(a + 48);
        b0.Store(b);
        b1.Store(b + 16);
        b2.Store(b + 32);
        b3.Store(b + 48);
        c0.Store(c);
        c1.Store(c + 16);
        c2.Store(c + 32);
        c3.Store(c + 48);
        d0.Store(d);
        d1.Store(d + 16);
        d2.Store(d + 32);
        d3.Store(d + 48);
    }
}
