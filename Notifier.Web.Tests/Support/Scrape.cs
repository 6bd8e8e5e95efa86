using System.Globalization;
using System.Text.RegularExpressions;

namespace Notifier.Tests.Support;

/// <summary>The metrics at a server's <c>/metrics</c>, parsed as Prometheus does.</summary>
internal sealed partial class Scrape
{
    private readonly List<(string Name, string Labels, double Value)> samples = [];

    private Scrape(string text)
    {
        foreach (var line in text.Split('\n').Where(static line => line.Length > 0 && line[0] != '#'))
        {
            var sample = Line().Match(line);
            if (!sample.Success)
                throw new FormatException($"this is no sample: {line}");
            samples.Add((sample.Groups["name"].Value, sample.Groups["labels"].Value, double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture)));
        }
    }

    public IEnumerable<string> Names => samples.Select(static sample => sample.Name).Distinct();

    public static async Task<Scrape> OfAsync(Uri server)
    {
        using var http = new HttpClient();
        return new(await http.GetStringAsync(new Uri(server, "/metrics")));
    }

    /// <summary>Waits until the metric has this value, because the exporter caches its answer for a moment.</summary>
    public static Task ShowsAsync(Uri server, string name, double value, string label = "") => Eventually.IsAsync(
        async () => (await OfAsync(server)).Sum(name, label) == value, $"{name} {label} is {value}");

    /// <param name="name">The metric.</param>
    /// <param name="label">A label such as <c>error_type="memory"</c>, or empty for all.</param>
    /// <returns>The sum, or null if the metric is missing.</returns>
    public double? Sum(string name, string label = "")
    {
        var found = samples.Where(sample => sample.Name == name && sample.Labels.Contains(label, StringComparison.Ordinal)).ToList();
        return found.Count == 0 ? null : found.Sum(static sample => sample.Value);
    }

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>.*)\})? (?<value>[-+0-9.eEInfNa]+)( \d+)?$""")]
    private static partial Regex Line();
}
