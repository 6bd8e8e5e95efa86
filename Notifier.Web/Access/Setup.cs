using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Notifier.Access.Callback;
using Notifier.Access.Origins;
using Notifier.Access.Tokens;
using Notifier.Configuration;

namespace Notifier.Access;

internal static class Setup
{
    public static void AddAccess(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<AccessOptions>().BindConfiguration("Access").ValidateOnStart();
        services.AddOptions<ProxyOptions>().BindConfiguration("ForwardedHeaders").ValidateOnStart();
        services.AddKnownSettings<AccessOptions>("Access");
        services.AddKnownSettings<AnonymousOptions>("Access:Anonymous");
        services.AddKnownSettings<TokenOptions>("Access:Tokens");
        services.AddKnownSettings<CallbackOptions>("Access:Callback");
        services.AddKnownSettings<ApiKeyOptions>($"Access:ApiKeys:{KnownSettings.AnyEntry}");
        services.AddKnownSettings<ProxyOptions>("ForwardedHeaders");
        services.AddSingleton<IValidateOptions<AccessOptions>, AccessValidator>();
        services.AddSingleton<IValidateOptions<ProxyOptions>, ProxyValidator>();

        services.AddSingleton<IPostConfigureOptions<ForwardedHeadersOptions>, KnownProxies>();
        services.AddSingleton<OriginRules>();
        services.AddSingleton<AnonymousAccess>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<RecentDisconnections>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, JwtBearerSetup>();
        services.AddSingleton<IPostConfigureOptions<JwtBearerOptions>, JwtBearerPostConfigureOptions>();
        services.AddSingleton<TokenAuthentication>();
        services.AddSingleton<CallbackAuthentication>();
        services.AddSingleton<Authenticator>();
    }

    /// <summary>Reads clients' addresses from the headers of known proxies. Comes early, because the log and each limit use the address.</summary>
    public static void UseKnownProxies(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value.IsConfigured)
            app.UseForwardedHeaders();
    }
}
