using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>Elements that a page moves, changes and removes; and scripts that run twice, or in another order.</summary>
public sealed class ElementLifecycleTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    /// <summary>As libraries do that replace a body: they put the element back some microtasks later.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("last=5")]
    public async Task An_element_that_the_page_moves_stays_subscribed_on_its_connection(string last)
    {
        await using var fake = await FakeNotifier.StartAsync();
        var page = await OpenAsync($"<script src=\"{fake.Address}notifier.js\"></script><main><notifier-list channel=a {last}></notifier-list></main>");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().StartWith("subscribe a");
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "~1" });
        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["one"]);

        await page.EvaluateAsync(
            """
            async () => {
              const list = document.querySelector('notifier-list');
              list.remove();
              for (let n = 0; n < 10; n++) await null;
              document.body.append(list);
            }
            """);
        await page.EvaluateAsync("document.querySelector('notifier-list').setAttribute('channel', 'a b')");

        // The next command is about the change: nothing was unsubscribed. With last, a change makes a new connection.
        var changed = last == "" ? connection : await fake.AcceptAsync();
        (await changed.ReadTextAsync()).Should().Be(last == "" ? "subscribe b" : "subscribe a 5");
        connection.Unread.Should().Be(0);
        if (last == "")
            await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["one"]);
        fake.Waiting.Should().Be(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task An_element_that_the_page_removes_is_unsubscribed()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var page = await OpenAsync($"<script src=\"{fake.Address}notifier.js\"></script><notifier-list channel=a></notifier-list><notifier-list channel=b></notifier-list>");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        (await connection.ReadTextAsync()).Should().Be("subscribe b");

        await page.EvaluateAsync("document.querySelector('notifier-list').remove()");

        (await connection.ReadTextAsync()).Should().Be("unsubscribe a");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_script_tag_that_is_executed_twice_has_one_container_and_another_tag_has_its_own()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var tag = $"<script src=\"{app.Address}notifier.js\" data-channel=twice.x data-toast data-seconds=0></script>";
        var errors = new List<string>();
        var page = await OpenAsync($"{tag}{tag}<script src=\"{app.Address}notifier.js\" data-channel=twice.y data-toast></script>", errors);
        await Redis.WhenChannelIsLiveAsync(app, "twice.x");
        await Redis.WhenChannelIsLiveAsync(app, "twice.y");

        await Redis.PublishAsync("twice.x", "hello");

        await Expect(page.Locator("notifier-toasts")).ToHaveCountAsync(2);
        await Expect(page.Locator("notifier-toasts .text")).ToHaveTextAsync(["hello"]);
        app.Connections.Count.Should().Be(1);
        errors.Should().BeEmpty();
        await page.CloseAsync();
    }

    /// <summary>With <c>async</c>, the scripts run in any order.</summary>
    [Fact]
    public async Task Elements_that_are_loaded_before_the_client_use_it_and_the_notifier_that_the_page_has_set()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var errors = new List<string>();
        var page = await OpenAsync(
            $"<notifier-list channel=order.x></notifier-list><script src=\"{app.Address}notifier-elements.js\"></script><script src=\"{app.Address}notifier.js\"></script>"
            + "<script>document.querySelector('notifier-list').notifier = globalThis.own = new Notifier()</script>",
            errors);
        await Redis.WhenChannelIsLiveAsync(app, "order.x");

        await Redis.PublishAsync("order.x", "hello");

        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["hello"]);
        (await page.EvaluateAsync<string>("own.state")).Should().Be("connected");
        app.Connections.Count.Should().Be(1);
        errors.Should().BeEmpty();
        await page.CloseAsync();
    }

    private async Task<IPage> OpenAsync(string html, List<string>? errors = null)
    {
        await using var site = await Site.StartAsync("<!doctype html><title>Shop</title><body>" + html);
        var page = await browser.NewPageAsync();
        page.PageError += (_, error) => errors?.Add(error);
        await page.GotoAsync(site.Address);
        return page;
    }
}
