using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>The most important tests of pages, in browsers other than Chromium, against the real server and a real Redis.</summary>
public abstract class EngineTests(Engine browser, RedisFixture fixture)
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_demo_page_connects_and_shows_a_published_message()
    {
        await Redis.NobodyListensAsync();
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var tab = await browser.OpenAsync(app.Address.ToString());
        await tab.IsAsync("document.querySelector('#status')?.textContent === 'Connected to WebSocket server'");
        await Redis.PageListensAsync(patterns: 1);

        await Redis.PublishAsync("notifications.new-user", "Mathias signed up");

        await tab.IsAsync("document.querySelector('#notifications > li .payload')?.textContent === 'Mathias signed up'");
    }

    [Fact]
    public async Task One_script_tag_shows_a_toast_for_a_published_message()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><body><h1>Shop</h1><script async src=\"{app.Address}notifier.js\" data-channel=\"toast.x\" data-toast></script>");
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "toast.x");

        await Redis.PublishAsync("toast.x", "Mathias signed up");

        await tab.IsAsync("document.querySelector('notifier-toasts')?.shadowRoot.querySelector('li .text')?.textContent === 'Mathias signed up'");
    }

    [Fact]
    public async Task A_list_shows_the_newest_message_first_and_after_a_reload_the_last_ones()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><body><script async src=\"{app.Address}notifier.js\"></script><notifier-list channel=\"list.x\" last=2></notifier-list>");
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "list.x");
        foreach (var text in new[] { "one", "two", "three" })
            await Redis.PublishAsync("list.x", text);
        await tab.IsAsync($"{Listed} === 'three two one'");

        await tab.ReloadAsync();

        await tab.IsAsync($"{Listed} === 'three two'");
    }

    [Fact]
    public async Task A_page_reconnects_after_a_restart_of_the_server_and_reports_what_it_may_have_missed()
    {
        var port = FreePort.Next();
        await using var site = await Site.StartAsync(Page(port, "restart.x"));
        await using var first = await NotifierApp.StartAsync(Redis.Configuration, port: port);
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(first, "restart.x");
        await Redis.PublishAsync("restart.x", "before");
        await tab.IsAsync("log.at(-1) === 'before'");

        await first.DisposeAsync();
        await tab.IsAsync("notifier.state === 'waiting'");
        await using var second = await NotifierApp.StartAsync(Redis.Configuration, port: port);
        await Redis.WhenChannelIsLiveAsync(second, "restart.x");
        await Redis.PublishAsync("restart.x", "after");

        await tab.IsAsync("log.at(-1) === 'after'");
        (await tab.EvaluateAsync<string[]>("log")).Should().Equal("before", "gap notRecovered", "after");
    }

    [Fact]
    public async Task Two_tabs_share_one_connection_and_the_second_misses_nothing_when_the_first_closes()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app.Address.Port, "shared.x", "shared: true"));
        await using var second = await OpenTwoAsync();
        await Redis.PublishAsync("shared.x", "after");

        await second.IsAsync("log.at(-1) === 'after'");
        (await second.EvaluateAsync<string[]>("log")).Should().Equal("before", "after");

        async Task<Tab> OpenTwoAsync()
        {
            await using var first = await browser.OpenAsync(site.Address);
            await Redis.WhenChannelIsLiveAsync(app, "shared.x");
            var other = await browser.OpenAsync(site.Address);
            await other.IsAsync("globalThis.live > 0");
            await Redis.PublishAsync("shared.x", "before");
            await first.IsAsync("log.at(-1) === 'before'");
            await other.IsAsync("log.at(-1) === 'before'");
            app.Connections.Count.Should().Be(1);
            return other;
        }
    }

    /// <summary>For example, by a proxy.</summary>
    [Fact]
    public async Task A_page_whose_websockets_are_blocked_receives_messages_on_an_event_stream()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, static builder => builder.Services.AddSingleton<IStartupFilter, BlockedWebSockets>(), "urls=http://127.0.0.1:0");
        await using var site = await Site.StartAsync(Page(app.Address.Port, "blocked.x"));
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "blocked.x");
        await Redis.PublishAsync("blocked.x", "first");
        await tab.IsAsync("log.at(-1) === 'first'");

        await tab.EvaluateAsync<object>("notifier.channel('blocked.y', ({ data }) => log.push(data)) && 0");
        await Redis.WhenChannelIsLiveAsync(app, "blocked.y");
        await Redis.PublishAsync("blocked.x", "second");
        await tab.IsAsync("log.at(-1) === 'second'");
        await Redis.PublishAsync("blocked.y", "third");

        await tab.IsAsync("log.at(-1) === 'third'");
        (await tab.EvaluateAsync<string[]>("log")).Should().Equal("first", "second", "third");
    }

    [Fact]
    public async Task A_page_that_persists_its_positions_receives_once_what_was_published_while_it_was_away()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app.Address.Port, "persist.x", "persist: 'session'"));
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "persist.x");
        await Redis.PublishAsync("persist.x", "before");
        await tab.IsAsync("log.at(-1) === 'before'");

        await tab.GoToAsync($"{app.Address}healthz/live");
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the page has disconnected");
        await Redis.PublishAsync("persist.x", "meanwhile");
        await tab.GoToAsync(site.Address);
        await tab.IsAsync("log.at(-1) === 'meanwhile'");
        await tab.ReloadAsync();
        await Redis.WhenChannelIsLiveAsync(app, "persist.x");
        await Redis.PublishAsync("persist.x", "after");

        await tab.IsAsync("log.at(-1) === 'after'");
        (await tab.EvaluateAsync<string[]>("JSON.parse(sessionStorage.all)")).Should().Equal("before", "meanwhile", "after");
    }

    /// <summary>The visitor receives "one" on a first page, "two" on a second one, and "three" back on the first one.</summary>
    /// <returns>What the first page has received at the end, and whether the browser had cached it.</returns>
    private protected async Task<(string[] Log, bool IsCached)> GoForthAndBackAsync(string options)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(Page(app.Address.Port, "back.x", options));
        await using var tab = await browser.OpenAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "back.x");
        await Redis.PublishAsync("back.x", "one");
        await tab.IsAsync("log.at(-1) === 'one'");

        await tab.GoToAsync($"{site.Address}?page=2");
        await tab.IsAsync("globalThis.live > 0");
        await Eventually.IsAsync(() => app.Connections.Count == 1, "the first page has disconnected");
        await Redis.PublishAsync("back.x", "two");
        await tab.IsAsync("log.at(-1) === 'two'");
        await tab.BackAsync();
        await tab.IsAsync("location.search === '' && notifier.state === 'connected'");
        await Eventually.IsAsync(() => app.Connections.Count == 1, "the second page has disconnected");
        await Redis.WhenChannelIsLiveAsync(app, "back.x");
        await Redis.PublishAsync("back.x", "three");

        await tab.IsAsync("log.at(-1) === 'three'");
        return (await tab.EvaluateAsync<string[]>("log"), await tab.EvaluateAsync<bool>("shown.at(-1)"));
    }

    /// <summary>The texts of a list, newest first.</summary>
    private const string Listed = "[...document.querySelector('notifier-list')?.shadowRoot?.querySelectorAll('.text') ?? []].map(text => text.textContent).join(' ')";

    /// <summary>A page of another origin. <c>log</c> records what its client reports, and the session storage the messages.</summary>
    internal static string Page(int port, string channel, string options = "") =>
        $$"""
        <!doctype html><title>Shop</title><body><script src="http://127.0.0.1:{{port}}/notifier.js"></script>
        <script>
          globalThis.log = []; globalThis.shown = []; globalThis.live = 0;
          addEventListener("pageshow", ({ persisted }) => shown.push(persisted));
          globalThis.notifier = new Notifier("http://127.0.0.1:{{port}}/", { {{options}} });
          notifier.addEventListener("subscribed", () => live++);
          for (const type of ["gap", "error"]) notifier.addEventListener(type, ({ detail }) => log.push(`${type} ${detail.code}`));
          notifier.channel("{{channel}}", ({ data }) => {
            log.push(data);
            sessionStorage.all = JSON.stringify([...JSON.parse(sessionStorage.all ?? "[]"), data]);
          });
        </script>
        """;

    private sealed class BlockedWebSockets : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(static (context, pass) =>
            {
                if (context.Request.Path != "/ws")
                    return pass(context);
                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                return Task.CompletedTask;
            });
            next(app);
        };
    }
}
