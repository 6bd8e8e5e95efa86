using Notifier.Endpoints.Http;
using Notifier.Endpoints.Sessions;

namespace Notifier.Endpoints;

internal static class Setup
{
    /// <summary>Makes a browser ask each time whether its copy of a file is still current, so that a new version is used immediately.</summary>
    private static readonly StaticFileOptions Revalidate = new()
    {
        OnPrepareResponse = static file => file.Context.Response.Headers.CacheControl = "no-cache",
    };

    public static void AddEndpoints(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<RequestGate>();
        services.AddSingleton<ConnectionHost>();
        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<EventsEndpoint>();
        services.AddSingleton<PublishEndpoint>();
        services.AddSingleton<HistoryEndpoint>();
        services.AddSingleton<StatsEndpoint>();
        services.AddSingleton<ClientScripts>();
        services.AddHostedService<DisconnectListener>();
        services.AddOpenApi(ApiDescription.Configure);
        services.ConfigureHttpJsonOptions(static http =>
        {
            var resolvers = http.SerializerOptions.TypeInfoResolverChain;
            resolvers.Insert(0, PublishJson.Default);
            resolvers.Add(DisconnectJson.Default);
            resolvers.Add(HistoryJson.Default);
            resolvers.Add(StatsJson.Default);
            resolvers.Add(ApiJson.Default);
        });
    }

    public static void MapEndpoints(this WebApplication app)
    {
        app.UsePlainAddresses();
        app.UseClientScripts();
        app.UseWhen(static context => !context.WebSockets.IsWebSocketRequest, static page => page.UseDefaultFiles().UseStaticFiles(Revalidate));
        app.UseRouting();
        app.UseRequestGate();
        app.MapWebSockets();
        app.MapEvents();
        app.MapPublish();
        app.MapHistory();
        app.MapClientSnippets();
        app.MapDisconnect();
        app.MapStats();
        app.MapApiDescription();
    }
}
