using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Endpoints.Http;

/// <summary><c>GET /stats</c>: the current state of this node, for people. For its history see the metrics.</summary>
internal sealed class StatsEndpoint(
    SubscriptionHub hub, HubMetrics metrics, ConnectionRegistry connections, RedisProbe probe, RedisMetrics redis, TimeProvider time)
{
    private const int DefaultNames = 100;
    private const int MaxNames = 10_000;
    private const int Talkers = 10;

    private readonly long started = time.GetTimestamp();

    public Results<Ok<Stats>, ProblemHttpResult> Read(HttpRequest request)
    {
        var text = request.Query["names"].ToString();
        var limit = DefaultNames;
        if (text.Length > 0 && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit <= MaxNames))
            return TypedResults.Problem($"names must be a number from 0 to {MaxNames}", statusCode: StatusCodes.Status400BadRequest);
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(Snapshot(limit));
    }

    private Stats Snapshot(int limit)
    {
        var names = hub.Statistics();
        var open = connections.Counters.Open;
        var sent = connections.CountSent();
        return new(
            ProductVersion.Text,
            (long)time.GetElapsedTime(started).TotalSeconds,
            new(open.Sum(), Transports.Names.Zip(open).ToDictionary(static one => one.First, static one => one.Second)),
            new(names.Count, names.Sum(static name => name.Subscribers), hub.CountBehind(), Top(names, limit, static name => name.Subscribers)),
            Top(names.Where(static name => name.Messages > 0), Talkers, static name => name.PerSecond),
            new(metrics.Messages),
            new(sent.Sum(static one => one.Messages), sent.Sum(static one => one.Bytes)),
            new(hub.LogBytes, hub.LogLimit),
            Environment.WorkingSet,
            new(RedisMetrics.States[(int)probe.State], redis.LastProbe?.TotalMilliseconds));
    }

    private static List<TopName> Top(IEnumerable<NameStatistics> names, int limit, Func<NameStatistics, double> by) =>
        [.. names.OrderByDescending(by).ThenByDescending(static name => name.Messages).Take(limit).Select(Stat)];

    private static TopName Stat(NameStatistics name) => new(
        name.Name.Kind == NameKind.Channel ? name.Name.Text : null,
        name.Name.Kind == NameKind.Pattern ? name.Name.Text : null,
        name.Subscribers, name.Messages, Math.Round(name.PerSecond, 2));
}

internal static class StatsRoute
{
    public static void MapStats(this WebApplication app)
    {
        app.Services.GetRequiredService<StatsEndpoint>();       // its uptime begins now
        // For operators, like /metrics. The description contains only the API for backends.
        app.MapGet("/stats", static (HttpRequest request, StatsEndpoint stats) => stats.Read(request)).RequireOperator()
            .WithGate(GateChecks.AllButMemory).ExcludeFromDescription();
    }
}
