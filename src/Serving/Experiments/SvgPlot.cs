using System.Globalization;
using System.Net;
using System.Text;

namespace Serving.Experiments;

/// <summary>A small drawing as SVG markup that stands in a page without anything from elsewhere. Values are told in data units. One plot per instance.</summary>
internal sealed class SvgPlot
{
    private const int Left = 70;
    private const int Right = 16;
    private const int Top = 12;
    private const int Bottom = 34;

    private readonly StringBuilder _markup = new();
    private readonly int _width;
    private readonly int _height;
    private readonly Interval _x;
    private readonly Interval _y;

    /// <param name="title">What a reader that cannot see is told.</param>
    /// <param name="x">Ends of the horizontal axis.</param>
    /// <param name="y">Ends of the vertical axis.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    public SvgPlot(string title, Interval x, Interval y, int width = 640, int height = 260)
    {
        (_width, _height, _x, _y) = (width, height, Wide(x), Wide(y));
        _markup.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(title)}\">");
    }

    /// <summary>The area between two lines.</summary>
    public SvgPlot Band(IReadOnlyList<(double X, double Lower, double Upper)> points, string style)
    {
        var outline = points.Select(point => (point.X, point.Upper)).Concat(points.Reverse().Select(point => (point.X, point.Lower)));
        _markup.Append(CultureInfo.InvariantCulture, $"<polygon class=\"{style}\" points=\"{string.Join(' ', outline.Select(Place))}\"/>");
        return this;
    }

    public SvgPlot Line(IEnumerable<(double X, double Y)> points, string style)
    {
        _markup.Append(CultureInfo.InvariantCulture, $"<polyline class=\"{style}\" points=\"{string.Join(' ', points.Select(Place))}\"/>");
        return this;
    }

    /// <summary>A filled rectangle between two corners.</summary>
    public SvgPlot Box(double left, double bottom, double right, double top, string style)
    {
        var (x, y) = (X(left), Y(top));
        _markup.Append(CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{x:F1}\" y=\"{y:F1}\" width=\"{Math.Max(0, X(right) - x):F1}\" height=\"{Math.Max(0, Y(bottom) - y):F1}\"/>");
        return this;
    }

    public SvgPlot Label(double x, double y, string text, string anchor = "start")
    {
        _markup.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(x):F1}\" y=\"{Y(y) + 4:F1}\" text-anchor=\"{anchor}\">{WebUtility.HtmlEncode(text)}</text>");
        return this;
    }

    /// <summary>Ticks with their numbers, and what the axis is.</summary>
    public SvgPlot HorizontalAxis(IEnumerable<(double At, string Text)> ticks, string name)
    {
        Line([(_x.Lower, _y.Lower), (_x.Upper, _y.Lower)], "axis");
        foreach (var (at, text) in ticks.Where(tick => tick.At >= _x.Lower && tick.At <= _x.Upper))
        {
            _markup.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(at):F1}\" y=\"{_height - Bottom + 14}\" text-anchor=\"middle\">{WebUtility.HtmlEncode(text)}</text>");
        }

        _markup.Append(CultureInfo.InvariantCulture, $"<text x=\"{(Left + _width - Right) / 2}\" y=\"{_height - 4}\" text-anchor=\"middle\">{WebUtility.HtmlEncode(name)}</text>");
        return this;
    }

    public SvgPlot VerticalAxis(IEnumerable<(double At, string Text)> ticks)
    {
        foreach (var (at, text) in ticks.Where(tick => tick.At >= _y.Lower && tick.At <= _y.Upper))
        {
            Line([(_x.Lower, at), (_x.Upper, at)], "grid");
            _markup.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 6}\" y=\"{Y(at) + 4:F1}\" text-anchor=\"end\">{WebUtility.HtmlEncode(text)}</text>");
        }

        return this;
    }

    /// <summary>The whole drawing.</summary>
    public string Markup() => _markup + "</svg>";

    private string Place((double X, double Y) point) => string.Create(CultureInfo.InvariantCulture, $"{X(point.X):F1},{Y(point.Y):F1}");

    private double X(double value) => Left + ((Math.Clamp(value, _x.Lower, _x.Upper) - _x.Lower) / (_x.Upper - _x.Lower) * (_width - Left - Right));

    private double Y(double value) => _height - Bottom - ((Math.Clamp(value, _y.Lower, _y.Upper) - _y.Lower) / (_y.Upper - _y.Lower) * (_height - Top - Bottom));

    private static Interval Wide(Interval ends) => ends.Upper > ends.Lower ? ends : new Interval(ends.Lower - 0.5, ends.Upper + 0.5);
}
