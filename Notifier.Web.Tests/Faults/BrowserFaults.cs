using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Browser;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>
/// Browsers delay WebSockets to a host that has refused several: Firefox by up to a minute. So the client does not try them while the server is down.
/// </summary>
public sealed class BrowserFaults(BrowserFixture chromium, Firefox firefox, WebKit webKit, RedisFixture fixture, ITestOutputHelper output)
    : IClassFixture<BrowserFixture>, IClassFixture<Firefox>, IClassFixture<WebKit>, IClassFixture<RedisFixture>
{
    private const string IsConnected = "notifier.state === 'connected'";

    private const string CountWebSockets =
        "globalThis.attempts = 0, globalThis.WebSocket = class extends WebSocket { constructor(...rest) { super(...rest); attempts++; } }, 0";

    /// <summary>The client tries one WebSocket at first, and then one for every ten times that the server does not answer. Firefox delays after more.</summary>
    private const int FewAttempts = 5;

    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(100);

    /// <summary>The client waits up to 20 s between two attempts.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(22);

    /// <summary>Longer than any browser delays a WebSocket.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public async Task Every_browser_reconnects_within_22_seconds_after_an_outage_of_100_seconds()
    {
        var port = FreePort.Next();
        await using var site = await Site.StartAsync(EngineTests.Page(port, "outage.x"));
        await using var first = await NotifierApp.StartAsync(fixture.Redis.Configuration, port: port);
        var inChromium = await chromium.NewPageAsync();
        await inChromium.GotoAsync(site.Address);
        await using var inFirefox = await firefox.OpenAsync(site.Address);
        await using var inWebKit = await webKit.OpenAsync(site.Address);
        await fixture.Redis.WhenChannelIsLiveAsync(first, "outage.x", subscribers: 3);
        await inChromium.EvaluateAsync(CountWebSockets);
        await inFirefox.EvaluateAsync<int>(CountWebSockets);
        await inWebKit.EvaluateAsync<int>(CountWebSockets);

        await first.DisposeAsync();
        await RealTime.PassesAsync(Outage);
        int[] attempts =
            [await inChromium.EvaluateAsync<int>("attempts"), await inFirefox.EvaluateAsync<int>("attempts"), await inWebKit.EvaluateAsync<int>("attempts")];
        attempts.Should().OnlyContain(static count => count <= FewAttempts);
        await using var second = await NotifierApp.StartAsync(fixture.Redis.Configuration, port: port);
        var back = Stopwatch.StartNew();

        var times = await Task.WhenAll(
            MeasureAsync("Chromium", Eventually.IsAsync(() => inChromium.EvaluateAsync<bool>(IsConnected), "Chromium is back", Limit)),
            MeasureAsync("Firefox", inFirefox.IsAsync(IsConnected, Limit)),
            MeasureAsync("WebKit", inWebKit.IsAsync(IsConnected, Limit)));
        times.Should().OnlyContain(static time => time < Within);
        await inChromium.CloseAsync();

        async Task<TimeSpan> MeasureAsync(string browser, Task isBack)
        {
            await isBack;
            var time = back.Elapsed;
            output.WriteLine($"{browser} was back after {time.TotalSeconds:0.0} s.");
            return time;
        }
    }
}
