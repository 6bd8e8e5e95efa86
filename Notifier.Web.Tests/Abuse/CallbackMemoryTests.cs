using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>The memory of requests that wait for the application.</summary>
public sealed class CallbackMemoryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task Requests_with_large_cookies_whose_clients_leave_at_once_use_little_memory()
    {
        const int Requests = 2_000;
        await using var application = await Application.StartAsync();
        var flood = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = _ => flood.Task;
        await using var server = await ServerProcess.StartAsync(
            fixture.Redis.Configuration, Listen.Plain, $"Access:Callback:Url={application.Address}/", "Access:Callback:Timeout=00:00:20");
        var cookies = string.Concat(Enumerable.Range(0, 4).Select(static n => $"Cookie: c{n}={new string('c', 7_000)}\r\n"));
        var before = server.ResidentBytes;
        var peak = before;

        for (var n = 0; n < Requests; n++)
        {
            using var request = await OpenRequest.SendAsync(server.Address, $"GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\nCookie: n={n}\r\n{cookies}\r\n");
            peak = Math.Max(peak, server.ResidentBytes);
        }

        var cost = (peak - before) / MiB;
        AbuseTable.Add($"{Requests:N0} times `GET /events` with cookies of 28 KB, and leaves at once (callback)", "200 MiB, mostly garbage", $"{cost} MiB (RSS)");
        cost.Should().BeLessThan(200);
        flood.SetResult();
    }
}
