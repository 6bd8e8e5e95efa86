using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>A real browser's <c>EventSource</c> reads Notifier's event stream.</summary>
public sealed class EventSourceTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_event_source_reconnects_by_itself_after_a_server_restart()
    {
        var port = FreePort.Next();
        var page = await browser.NewPageAsync();
        await using (var app = await NotifierApp.StartAsync(Redis.Configuration, port: port))
        {
            await page.GotoAsync($"http://localhost:{port}/");
            await page.EvaluateAsync("""
                () => {
                    window.said = [];
                    new EventSource('/events?channel=browser.events').onmessage = event => said.push(JSON.parse(event.data));
                }
                """);
            await IsAsync(page, "said.some(one => one.type === 'subscribed')");
            await Redis.PublishAsync("browser.events", "first\r\nline");
            await IsAsync(page, "said.some(one => one.data === 'first\\r\\nline')");
        }
        await IsAsync(page, "said.some(one => one.type === 'closing')");

        await using (var again = await NotifierApp.StartAsync(Redis.Configuration, port: port))
        {
            await IsAsync(page, "said.filter(one => one.type === 'subscribed').length === 2");
            await Redis.PublishAsync("browser.events", "second");
            await IsAsync(page, "said.some(one => one.data === 'second')");

            (await page.EvaluateAsync<bool>("said.filter(one => one.type === 'subscribed')[1].recovered"))
                .Should().BeFalse("the browser sent the last position, which this server does not know");
            await page.CloseAsync();
        }
    }

    /// <summary>Polls from the test, because the page's content security policy blocks Playwright's own wait for an expression.</summary>
    private static Task IsAsync(IPage page, string expression) => Eventually.IsAsync(() => page.EvaluateAsync<bool>(expression), expression);
}
