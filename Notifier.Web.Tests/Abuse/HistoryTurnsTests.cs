using System.Diagnostics;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Endpoints.Http;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>All requests for the history once waited in one queue.</summary>
public sealed class HistoryTurnsTests : IAsyncLifetime
{
    private const int Requests = 20;

    private static readonly HttpClient Http = new();

    private RedisServer redis = null!;
    private NotifierApp app = null!;

    public async Task InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        app = await Publishing.StartAsync(redis.Configuration, [.. KnownProxy.Settings, "History:Durable:Channels:0=orders.*", "Limits:RequestsPerSecond=100000"]);
        await app.WhenJournalExistsAsync();
        foreach (var some in Enumerable.Range(0, 1_000).Chunk(100))
            await Task.WhenAll(some.Select(_ => redis.PublishDurablyAsync("orders.1", new string('y', 250))));
    }

    public async Task DisposeAsync()
    {
        await app.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Theory]
    [InlineData("/history/orders.1?limit=1000")]
    [InlineData("/position")]
    public async Task A_request_does_not_wait_for_those_of_another_address(string path)
    {
        var endpoint = app.Services.GetRequiredService<HistoryEndpoint>();
        var greedy = new List<Task>();
        Task modest;
        await redis.FreezeAsync();
        try
        {
            greedy.AddRange(Enumerable.Range(0, Requests).Select(_ => GetAsync(path, "198.51.100.2")));
            await Eventually.IsAsync(() => endpoint.Waiting == Requests - 2, "two requests read, and the others wait");

            modest = GetAsync(path, "198.51.100.3");
            await GetAsync("/openapi/v1.json", "198.51.100.3");
            endpoint.Waiting.Should().Be(Requests - 2);
        }
        finally
        {
            await redis.ThawAsync();
        }
        await modest;
        await Task.WhenAll(greedy);
        endpoint.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task A_request_that_is_aborted_while_it_waits_is_not_read()
    {
        var endpoint = app.Services.GetRequiredService<HistoryEndpoint>();
        await redis.FreezeAsync();
        try
        {
            using var gone = new CancellationTokenSource();
            var aborted = Enumerable.Range(0, Requests).Select(_ => GetAsync("/history/orders.1", "198.51.100.2", gone.Token)).ToList();
            await Eventually.IsAsync(() => endpoint.Waiting == Requests - 2, "the requests wait");

            await gone.CancelAsync();

            await Eventually.IsAsync(() => endpoint.Waiting == 0, "none waits");
            foreach (var one in aborted)
                await one.Invoking(static one => one).Should().ThrowAsync<OperationCanceledException>();
        }
        finally
        {
            await redis.ThawAsync();
        }
        await GetAsync("/history/orders.1", "198.51.100.2");
    }

    [Fact]
    public async Task Many_requests_for_the_history_delay_those_of_another_address_little()
    {
        using var end = new CancellationTokenSource();
        var greedy = Enumerable.Range(0, Requests).Select(async _ =>
        {
            for (var n = 0; !end.IsCancellationRequested && n < 100; n++)
                await GetAsync("/history/orders.1?limit=1000", "198.51.100.2");
        }).ToList();

        var slowest = TimeSpan.Zero;
        for (var n = 0; n < 10; n++)
        {
            var began = Stopwatch.GetTimestamp();
            await GetAsync("/history/orders.1?limit=10", "198.51.100.3");
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
        }
        await end.CancelAsync();
        await Task.WhenAll(greedy);

        AbuseTable.Add(
            $"`GET /history/…?limit=1000` on {Requests} connections, again and again", "two pages at once for the visitor; no wait for other addresses",
            $"another visitor waited {slowest.TotalMilliseconds:0} ms");
        slowest.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    private async Task GetAsync(string path, string address, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, path));
        request.Headers.Add("X-Forwarded-For", address);
        using var answer = await Http.SendAsync(request, cancellation).WaitAsync(Eventually.Limit, cancellation);
        answer.EnsureSuccessStatusCode();
    }
}
